// The documentation of the API: Swagger UI over the portal's own description, with nothing from elsewhere.

const docs = document.querySelector("#docs");

// What is tried here goes out with the session, and so with Django's token against forged requests.
const withToken = (request) => {
  if (new URL(request.url, location.href).origin === location.origin) {
    request.headers["X-CSRFToken"] = docs.dataset.csrf;
  }
  return request;
};

window.SwaggerUIBundle({
  url: docs.dataset.schema,
  domNode: docs,
  deepLinking: true,
  docExpansion: "none", // of well over a hundred operations at once it draws the first dozen
  defaultModelsExpandDepth: -1,
  validatorUrl: null,
  persistAuthorization: false,
  requestInterceptor: withToken,
});
