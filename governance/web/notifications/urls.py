from django.urls import path

from governance.web.notifications import views

urlpatterns = [
    path("", views.NotificationList.as_view(), name="notification-list"),
    path("read", views.ReadAll.as_view(), name="notification-read-all"),
    path("preferences", views.Preferences.as_view(), name="notification-preferences"),
    path("<uuid:pk>/", views.OpenNotification.as_view(), name="notification-open"),
]
