"""``manage.py up``: starts the parts in order, restarts what dies, ends everything together.

``supervisor`` is the loop and ``program`` one thing that it runs; every program is started by
``leash``, so that none outlives the supervisor. The other modules each prepare one part.
"""
