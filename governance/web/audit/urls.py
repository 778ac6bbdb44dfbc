from django.urls import path

from governance.web.audit import views

urlpatterns = [
    path("", views.EventList.as_view(), name="event-list"),
    path("<int:pk>/", views.EventPage.as_view(), name="event-detail"),
    path("<int:pk>/proof", views.EventProof.as_view(), name="event-proof"),
]
