// Passkeys: the one thing here that needs script, because only the browser can ask an authenticator to sign.

const bytes = (text) => Uint8Array.from(
  atob(text.replaceAll("-", "+").replaceAll("_", "/")),
  (letter) => letter.codePointAt(0),
);
const text = (buffer) => btoa(String.fromCodePoint(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const named = (list = []) => list.map((one) => ({ ...one, id: bytes(one.id) }));

const create = async ({ publicKey }) => {
  const credential = await navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: named(publicKey.excludeCredentials),
      authenticatorSelection: {
        ...publicKey.authenticatorSelection,
        residentKey: "preferred",
        requireResidentKey: false,
        userVerification: "required",
      },
    },
  });
  const { attestationObject, clientDataJSON } = credential.response;
  return said(credential, { attestationObject: text(attestationObject), clientDataJSON: text(clientDataJSON) });
};

const get = async ({ publicKey }) => {
  const credential = await navigator.credentials.get({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      allowCredentials: named(publicKey.allowCredentials),
    },
  });
  const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response;
  return said(credential, {
    authenticatorData: text(authenticatorData),
    clientDataJSON: text(clientDataJSON),
    signature: text(signature),
    userHandle: userHandle ? text(userHandle) : null,
  });
};

const said = (credential, response) => ({
  id: credential.id,
  rawId: text(credential.rawId),
  type: credential.type,
  clientExtensionResults: credential.getClientExtensionResults(),
  response,
});

const asked = async (form) => {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const answer = await fetch(form.dataset.optionsUrl, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.statusText);
  return (await answer.json()).request_options;
};

const problems = {
  InvalidStateError: "This device or key has a passkey for you already.",
  NotAllowedError: "Nothing was signed: it was cancelled, or it took too long. Try again.",
  SecurityError: "The browser keeps passkeys for host names on a secure connection alone. On this machine, open the portal as localhost.",
};

const sign = async (event) => {
  const form = event.target;
  event.preventDefault();
  const problem = form.querySelector("[data-passkey-problem]");
  problem.hidden = true;
  try {
    if (!navigator.credentials) throw new DOMException("", "SecurityError");
    const ceremony = form.dataset.passkey === "create" ? create : get;
    form.elements.credential.value = JSON.stringify(await ceremony(await asked(form)));
    form.submit();
  } catch (error) {
    problem.textContent = problems[error.name] ?? "The browser could not use a passkey. Use another way.";
    problem.hidden = false;
  }
};

document.querySelectorAll("form[data-passkey]").forEach((form) => form.addEventListener("submit", sign));
