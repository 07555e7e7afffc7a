"""An archive of pictures upscaled by a Ray cluster, from and to wherever a path or a URI leads.

It needs the extra `ray`.
"""
