"""The WSGI application: for short requests, in threads; sockets and files need `vms.asgi`."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vms.settings")
application = get_wsgi_application()
