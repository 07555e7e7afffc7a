"""A page to drop a photo on: a local web server around `jaxsr.upscaling.files.upscale_file`.

This package needs the extra `demo`.
"""
