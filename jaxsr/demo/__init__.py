"""A page to drop a photo on: a local web server around `jaxsr.upscaling.batch.upscale_file`.

This package needs the extra `demo`.
"""
