"""Named checks of what any front of the device door has to do, run from outside over the wire.

For whoever puts another proxy before the application, or keeps a fork of it. ``wire`` speaks
HTTP byte by byte, ``subject`` is the door under check with the devices that knock at it,
``checks_*`` hold the checks by theme and ``running`` runs them in order.
"""
