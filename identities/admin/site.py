"""The name of the admin."""

from django.contrib import admin

admin.site.site_title = admin.site.site_header = "Device endpoint"
admin.site.index_title = "Overview"
admin.site.site_url = None  # there is no other site behind this door to link to
