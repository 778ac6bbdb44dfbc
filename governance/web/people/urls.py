from django.urls import path

from governance.web.people import views

urlpatterns = [
    path("", views.RunList.as_view(), name="feed-run-list"),
    path("files/new", views.HandIn.as_view(), name="feed-run-new"),
    path("files/<uuid:pk>/", views.RunPage.as_view(), name="feed-run-detail"),
    path("files/<uuid:pk>/apply", views.Accept.as_view(), name="feed-run-accept"),
    path("files/<uuid:pk>/discard", views.Discard.as_view(), name="feed-run-discard"),
    path("sources/new", views.NewSource.as_view(), name="source-new"),
    path("sources/<uuid:pk>/", views.ChangeSource.as_view(), name="source-detail"),
]
