from django.urls import path

from governance.web.emergency import views

urlpatterns = [
    path("", views.GlassList.as_view(), name="break-glass-list"),
    path("take", views.Take.as_view(), name="break-glass-take"),
    path("report", views.Report.as_view(), name="break-glass-report"),
    path("<uuid:pk>/", views.GlassPage.as_view(), name="break-glass-detail"),
    path("<uuid:pk>/stop", views.Stop.as_view(), name="break-glass-stop"),
    path("<uuid:pk>/review", views.Review.as_view(), name="break-glass-review"),
    path("<uuid:pk>/close", views.Close.as_view(), name="break-glass-close"),
    path("exposures/<uuid:pk>/rotate", views.Rotate.as_view(), name="exposure-rotate"),
]
