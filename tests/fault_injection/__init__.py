"""Fault injection: devices send while faults are injected, then the results are compared.

``python -m tests.fault_injection --seconds 60 --seed 1`` starts an installation with
``manage.py up``, lets devices send to it continuously and injects faults at random moments. Then
it compares the responses that the devices received with the content of the database:

- acknowledged ⊆ stored ⊆ attempted; finally refused files are not stored as samples;
- each file and each timestamp is stored once, with the values and counts of a dictionary model;
- receipts equal the database's rows; the same bytes always get the same id;
- every response is JSON of the documented form, none is a 500 or ``internal_error``, but for an
  upload in which a worker was killed before;
- no process is left running.

``negative_controls`` are installations that lose or double data on purpose: the verdict must
report them.
"""
