"""A morning after an outage: all devices wake at once, each with the data of the outage.

``python -m tests.scaling.outage`` simulates it: each device decides by the retry code of
``device_client``, the server is a model of its measured capacity. ``--real 500`` first sends from
500 real devices to a real installation and compares what they saw with the model.
"""
