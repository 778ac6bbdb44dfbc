from django.urls import path

from governance.web.speed.views import Speed

urlpatterns = [path("", Speed.as_view(), name="speed")]
