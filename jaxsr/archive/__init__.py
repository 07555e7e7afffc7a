"""Upscaling of an archive of pictures on a Ray cluster. Source and destination are paths or URIs.

This package needs the extra `ray`.
"""
