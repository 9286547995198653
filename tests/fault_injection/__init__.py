"""The fault checker: devices send while a fault injector breaks things, then all is compared.

``python -m tests.fault_injection --seconds 60 --seed 1`` starts an installation of its own, as
``manage.py up`` does, lets devices send to it without end and breaks its parts at random
moments. Then it compares what the devices were told with what the database holds:

- acknowledged ⊆ stored ⊆ attempted; what was refused for good is not stored as samples;
- each file and each timestamp once, with the values and counts that a dictionary would give;
- receipts equal the database's rows; the same bytes are answered with one id;
- every answer is JSON of the documented form, none is a 500 or ``internal_error``;
- nothing is left running.

``payload`` makes the files, ``device`` sends them, ``ledger`` keeps what happened, ``injector``
breaks things by ``faults_*``, ``stored`` reads the database, ``judgement`` compares, ``report``
prints. ``controls`` are builds that lose or double data on purpose: the checker must say so.
"""
