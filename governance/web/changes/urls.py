from django.urls import path

from governance.web.changes import views

urlpatterns = [
    path("", views.ChangeList.as_view(), name="change-list"),
    path("<uuid:pk>/", views.ChangePage.as_view(), name="change-detail"),
    path("<uuid:pk>/withdraw", views.ChangeWithdraw.as_view(), name="change-withdraw"),
    path("<uuid:pk>/answer", views.ChangeAnswer.as_view(), name="change-answer"),
]
