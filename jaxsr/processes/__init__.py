"""Processes and devices: memory pages, the mesh, how the processes of one run meet, and the loss of one."""
