"""A baseline with Django, its REST framework, its ORM and a row for each sample."""
