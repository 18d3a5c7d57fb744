"""The lab with its instruments, as everybody outside `nslab.lab` knows it: capture, journey, picture."""

from __future__ import annotations

from nslab.lab import lab


class Lab(lab.Lab):
    __doc__ = lab.Lab.__doc__
