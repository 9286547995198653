"""``manage.py up``: start the programs in order, restart those that end, stop all together.

``management/commands/up.py`` has the order of starting. ``supervisor`` is the loop and ``process``
one program that it runs. ``exec_child`` starts every program such that the kernel ends it with the
supervisor. The other modules prepare the programs.
"""
