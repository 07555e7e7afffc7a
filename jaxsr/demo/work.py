"""The work of one job: upscale the picture as the command line does, and cut tiles for the page."""

import contextlib

import pyvips

from jaxsr.demo.jobs import PageJob
from jaxsr.demo.models import upscaler_of
from jaxsr.demo.view import write_pyramid
from jaxsr.upscaling.files import upscale_file
from jaxsr.upscaling.report import remarks


def upscale_job(job: PageJob) -> None:
    """Do one job.

    Raises:
      InputError: the picture cannot be upscaled.
      Cancelled: the job was cancelled.
      OSError: the disk is full.
    """
    result = job.folder / f"{job.source.stem}_x{job.offer.scale}.png"

    def progress(done, total):
        job.done, job.total = done, total
        job.check()

    def note(opened):
        job.note = remarks(opened.picture.notes, opened.choice)

    upscaler = upscaler_of(job.offer.source, job.strength)
    # The page shows one picture. The note says if it is the first of several.
    upscale_file(upscaler, job.source, result, progress=progress, first_frame=True, note=note)
    job.stage = "view"
    shown = {"before": (job.source, 1), "enlarged": (job.source, job.offer.scale), "after": (result, 1)}
    pyramids = {}
    # Otherwise the file itself is fine, and the page says that it cannot show it.
    with contextlib.suppress(pyvips.Error):
        for name, (picture, scale) in shown.items():
            job.check()
            pyramids[name] = write_pyramid(picture, job.folder / name, scale=scale)
        job.pyramids = pyramids
    job.result = result
