// Package access tells who sends a request and what they may do: by an API key of a file of hashed keys, by a JSON Web Token
// that a key of a JWKS file signed, or, for fairness alone, by the address behind trusted proxies. It knows headers and bytes,
// no routes and no network.
package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Scopes is a set of what a caller may do.
type Scopes uint8

// The scopes.
const (
	Predict Scopes = 1 << iota
	Explain
	DICOMWeb
	Operate
	Models

	// Any is that of a route for which valid credentials are enough.
	Any Scopes = 0
	// Usual is what a key may do whose line names no scopes.
	Usual = Predict | Explain | DICOMWeb
)

// scopeNames are the scopes' names, in the order of their bits.
var scopeNames = []string{"predict", "explain", "dicom-web", "operate", "models"}

// ScopeNames are the names of all scopes.
func ScopeNames() []string { return slices.Clone(scopeNames) }

// ParseScopes reads names with commas between them, each known and there once.
func ParseScopes(text string) (Scopes, error) {
	var s Scopes
	for name := range strings.SplitSeq(text, ",") {
		one := scopeOf(name)
		if one == 0 {
			return 0, fmt.Errorf("%.40q is no scope: must be of %s", name, strings.Join(scopeNames, ", "))
		}
		if s&one != 0 {
			return 0, fmt.Errorf("the scope %s is given twice", name)
		}
		s |= one
	}
	return s, nil
}

// scopeOf is the scope of a name, 0 for none.
func scopeOf(name string) Scopes {
	i := slices.Index(scopeNames, name)
	if i < 0 {
		return 0
	}
	return 1 << i
}

// String is the names with commas between them.
func (s Scopes) String() string {
	var names []string
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// Has tells whether all of some scopes are in the set.
func (s Scopes) Has(wanted Scopes) bool { return s&wanted == wanted }

// Identity is who sends a request.
type Identity struct {
	// Name is for logs and for fairness: key:NAME of an API key, token:HEX of a token's issuer and subject.
	Name   string
	Scopes Scopes
	// Rate limits the requests, if it is not zero.
	Rate Rate
}

// tokenName names a token's subject by a hash: it often is a person's name or address, which logs must not have. Who has
// both can find it in the logs by sha256(issuer LF subject), of which it is the beginning.
func tokenName(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "\n" + subject))
	return "token:" + hex.EncodeToString(sum[:8])
}

// Reason is why a request is refused; metrics count by it.
type Reason string

// The reasons.
const (
	Missing      Reason = "missing"       // no credentials
	Malformed    Reason = "malformed"     // credentials that cannot be any
	UnknownKey   Reason = "unknown_key"   // an API key that is not in the file
	InvalidToken Reason = "invalid_token" // a token that is not good here
	Expired      Reason = "expired_token" // a token whose time is over
	LacksScope   Reason = "scope"         // valid credentials that do not allow it
	TooMany      Reason = "rate"          // more requests than the caller may send
)

// Reasons are all of them.
func Reasons() []string {
	var all []string
	for _, r := range []Reason{Missing, Malformed, UnknownKey, InvalidToken, Expired, LacksScope, TooMany} {
		all = append(all, string(r))
	}
	return all
}

// Refusal is the error for credentials that are not accepted. Its text is for the client, and has nothing of what it sent.
type Refusal struct {
	Reason Reason
	Detail string
}

func (r *Refusal) Error() string { return r.Detail }

func refuse(reason Reason, format string, args ...any) error {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}
