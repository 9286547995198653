"""What a capable team would write first: Django, its REST framework, its ORM, a row per sample."""
