from django.urls import path

from governance.web.calendars import views

urlpatterns = [
    path("", views.CalendarList.as_view(), name="calendar-list"),
    path("new/", views.CalendarNew.as_view(), name="calendar-new"),
    path("<uuid:pk>/", views.CalendarEdit.as_view(), name="calendar-edit"),
]
