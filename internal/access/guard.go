package access

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// KeyHeader is the header that a key may be sent in, beside Authorization.
const KeyHeader = "X-Api-Key"

// Guard tells who sends a request by its credentials. What it knows can be replaced at any time: a request is judged by what was in
// force when it came. Its zero value lets nobody in.
type Guard struct {
	// Tokens says which tokens are accepted, once a key set was put in force.
	Tokens Tokens
	// Now is the clock; nil for the system's.
	Now func() time.Time

	keys atomic.Pointer[Keys]
	set  atomic.Pointer[KeySet]
}

// UseKeys puts API keys in force.
func (g *Guard) UseKeys(k *Keys) { g.keys.Store(k) }

// UseKeySet puts the keys that tokens are signed with in force.
func (g *Guard) UseKeySet(s *KeySet) { g.set.Store(s) }

// Identify tells who sends a request with such a header, or why its credentials are not accepted, by a [*Refusal].
func (g *Guard) Identify(h http.Header) (Identity, error) {
	authorization, key := h["Authorization"], h[KeyHeader]
	if len(authorization) > 1 || len(key) > 1 {
		return Identity{}, refuse(Malformed, "there are credentials more than once")
	}
	bearer, ours := "", false
	if len(authorization) == 1 {
		bearer, ours = bearerOf(authorization[0])
	}
	switch {
	case ours && len(key) == 1:
		return Identity{}, refuse(Malformed, "there are credentials in Authorization and in X-API-Key: must be in one of them")
	case len(key) == 1:
		return g.byKey(key[0])
	case !ours:
		return Identity{}, refuse(Missing, "the request has no credentials: send Authorization: Bearer, or X-API-Key")
	case strings.IndexByte(bearer, '.') >= 0:
		return g.byToken(bearer)
	}
	return g.byKey(bearer)
}

// bearerOf is what follows Bearer (RFC 6750, 2.1), and whether that is what the header has. Another scheme is for another: a proxy.
func bearerOf(authorization string) (string, bool) {
	scheme, rest, found := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimLeft(rest, " "), found
}

func (g *Guard) byKey(key string) (Identity, error) {
	if !couldBeKey(key) {
		return Identity{}, refuse(Malformed, "what was sent cannot be an API key or a token")
	}
	keys := g.keys.Load()
	if keys == nil {
		return Identity{}, refuse(UnknownKey, "the server takes no API keys: send a token")
	}
	who, ok := keys.find(key)
	if !ok {
		return Identity{}, refuse(UnknownKey, "the API key is not known")
	}
	return who, nil
}

func (g *Guard) byToken(token string) (Identity, error) {
	set := g.set.Load()
	if set == nil {
		return Identity{}, refuse(InvalidToken, "the server takes no tokens: send an API key")
	}
	now := time.Now
	if g.Now != nil {
		now = g.Now
	}
	return g.Tokens.verify(set, token, now())
}
