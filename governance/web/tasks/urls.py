from django.urls import path

from governance.web.tasks import views

urlpatterns = [
    path("", views.TaskList.as_view(), name="task-list"),
    path("<uuid:pk>/", views.TaskPage.as_view(), name="task-detail"),
    path("<uuid:pk>/done", views.Done.as_view(), name="task-done"),
    path("<uuid:pk>/confirm", views.Confirm.as_view(), name="task-confirm"),
    path("<uuid:pk>/send-back", views.SendBack.as_view(), name="task-send-back"),
    path("<uuid:pk>/evidence/<uuid:evidence>/", views.EvidenceFile.as_view(), name="task-evidence"),
]
