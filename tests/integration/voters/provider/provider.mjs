// An OpenID Connect provider on loopback for the tests. Whoever sends a personal number to the interaction is logged in as
// that person, at the level and by the methods that she names: a program posts them, in a browser a form asks for them.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const FORM = `<!doctype html><html lang="en"><title>Identification</title><form>
<label>Personal number <input name="number"></label><label>Level <input name="acr" value="high"></label>
<input type="hidden" name="amr" value="face"><input type="hidden" name="amr" value="pin"><button>It is me</button></form>`;

const [client, secret, redirect] = process.argv.slice(2);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: client,
        client_secret: secret,
        redirect_uris: [redirect],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    pkce: { required: () => true },
    claims: { openid: ["sub", "acr", "amr"], profile: ["personal_number"] },
    conformIdTokenClaims: false,
    acrValues: ["high", "low"],
    cookies: { keys: ["a key of the tests"] },
    features: { devInteractions: { enabled: false } },
    ttl: { Interaction: 600, Session: 600, Grant: 600, IdToken: 600, AccessToken: 600 },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: async (_context, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, personal_number: id }),
    }),
    loadExistingGrant: async (context) => {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client.clientId,
        accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  });
  provider.on("server_error", (_context, error) => console.error(error));
  const answer = provider.callback();
  server.on("request", async (request, response) => {
    const url = new URL(request.url, issuer);
    const isInteraction = url.pathname.startsWith("/interaction/");
    if (isInteraction && request.method === "GET" && !url.searchParams.has("number")) {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(FORM);
      return;
    }
    if (isInteraction) {
      const number = url.searchParams.get("number");
      const login = { accountId: number, acr: url.searchParams.get("acr"), amr: url.searchParams.getAll("amr") };
      const result = number ? { login } : { error: "access_denied" };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
      return;
    }
    answer(request, response);
  });
  console.log(issuer);
});
