"""A page to drop a photo on: a local web server around `jaxsr.upscaling.files.upscale_file`.

This package needs the extra `demo`.

Start with `app.py`, which answers requests: `upload.py` receives a picture, `jobs.py` queues it, `work.py` upscales it,
and `view.py` cuts the tiles that the page shows.
"""
