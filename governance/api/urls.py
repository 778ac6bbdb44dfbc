"""The addresses of the API, area by area. None ends with a slash, and what stands under none is a problem too."""

from django.urls import URLPattern, URLResolver, path, re_path

from governance.api import approvals, catalog, grants, identities, purposes, requests
from governance.api.description import Description, Unknown

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", Description.as_view(), name="api-schema"),
    path("v1/identities", identities.IdentityList.as_view(), name="api-identity-list"),
    path("v1/identities/export", identities.IdentityExport.as_view(), name="api-identity-export"),
    path("v1/identities/<uuid:pk>", identities.IdentityDetail.as_view(), name="api-identity-detail"),
    path("v1/systems", catalog.SystemList.as_view(), name="api-system-list"),
    path("v1/systems/export", catalog.SystemExport.as_view(), name="api-system-export"),
    path("v1/systems/<uuid:pk>", catalog.SystemDetail.as_view(), name="api-system-detail"),
    path("v1/entitlements", catalog.EntitlementList.as_view(), name="api-entitlement-list"),
    path("v1/entitlements/export", catalog.EntitlementExport.as_view(), name="api-entitlement-export"),
    path("v1/entitlements/<uuid:pk>", catalog.EntitlementDetail.as_view(), name="api-entitlement-detail"),
    path("v1/purposes", purposes.PurposeList.as_view(), name="api-purpose-list"),
    path("v1/purposes/export", purposes.PurposeExport.as_view(), name="api-purpose-export"),
    path("v1/purposes/<uuid:pk>", purposes.PurposeDetail.as_view(), name="api-purpose-detail"),
    path("v1/requests", requests.RequestList.as_view(), name="api-request-list"),
    path("v1/requests/export", requests.RequestExport.as_view(), name="api-request-export"),
    path("v1/requests/preview", requests.RequestPreview.as_view(), name="api-request-preview"),
    path("v1/requests/<uuid:pk>", requests.RequestDetail.as_view(), name="api-request-detail"),
    path("v1/requests/<uuid:pk>/withdraw", requests.RequestWithdraw.as_view(), name="api-request-withdraw"),
    path("v1/requests/<uuid:pk>/answer", requests.RequestAnswer.as_view(), name="api-request-answer"),
    path("v1/approval-steps", approvals.StepList.as_view(), name="api-approval-step-list"),
    path("v1/approval-steps/export", approvals.StepExport.as_view(), name="api-approval-step-export"),
    path("v1/approval-steps/waiting", approvals.StepInbox.as_view(), name="api-approval-step-inbox"),
    path("v1/approval-steps/<uuid:pk>", approvals.StepDetail.as_view(), name="api-approval-step-detail"),
    path("v1/approval-steps/<uuid:pk>/approve", approvals.Approve.as_view(), name="api-approval-step-approve"),
    path("v1/approval-steps/<uuid:pk>/reject", approvals.Reject.as_view(), name="api-approval-step-reject"),
    path("v1/approval-steps/<uuid:pk>/return", approvals.Return.as_view(), name="api-approval-step-return"),
    path("v1/grants", grants.GrantList.as_view(), name="api-grant-list"),
    path("v1/grants/export", grants.GrantExport.as_view(), name="api-grant-export"),
    path("v1/grants/chains/export", grants.GrantChainsExport.as_view(), name="api-grant-chains-export"),
    path("v1/grants/<uuid:pk>", grants.GrantDetail.as_view(), name="api-grant-detail"),
    path("v1/grants/<uuid:pk>/chain", grants.GrantChain.as_view(), name="api-grant-chain"),
    path("v1/grants/<uuid:pk>/hand-back", grants.GrantHandBack.as_view(), name="api-grant-hand-back"),
    path("v1/grants/<uuid:pk>/revoke", grants.GrantRevoke.as_view(), name="api-grant-revoke"),
    re_path(r"^(?!docs/).*$", Unknown.as_view(), name="api-unknown"),
]
