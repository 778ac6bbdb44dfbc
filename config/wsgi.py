"""What the web server serves: the portal, for those who write UTF-8."""

import os

from django.core.wsgi import get_wsgi_application

from config.charset import utf8_alone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = utf8_alone(get_wsgi_application())
