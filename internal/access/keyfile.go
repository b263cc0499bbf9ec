package access

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	// MaxFile bounds the files of keys, in bytes.
	MaxFile = 1 << 20
	// maxKeys bounds the API keys: a request's key is compared with each.
	maxKeys = 1000

	hashPrefix = "sha256:"
)

var usableName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Entry is an API key as its file has it.
type Entry struct {
	Name   string
	Hash   Hash
	Scopes Scopes // 0: Usual
	Rate   Rate   // zero: what all callers may
}

// CheckName refuses what cannot name a key.
func CheckName(name string) error {
	if !usableName.MatchString(name) {
		return fmt.Errorf("a key's name must be 1 to 64 letters, digits, dots, dashes and underscores, and begin with a letter or digit")
	}
	return nil
}

// String is the entry's line.
func (e Entry) String() string {
	line := e.Name + " " + hashPrefix + hex.EncodeToString(e.Hash[:])
	if e.Scopes != 0 {
		line += " scopes=" + e.Scopes.String()
	}
	if !e.Rate.IsZero() {
		line += " rate=" + e.Rate.String()
	}
	return line
}

// Keys are the API keys of a file.
type Keys struct{ entries []Entry }

// ParseKeys reads a file of keys, a line each: NAME sha256:HEX, and after it optionally scopes=SCOPE,… and rate=N/s (or /m, /h).
// Empty lines and those that begin with # say nothing. Errors tell a line's number and nothing of it.
func ParseKeys(file []byte) (*Keys, error) {
	if len(file) > MaxFile {
		return nil, fmt.Errorf("longer than %d bytes", MaxFile)
	}
	keys := &Keys{}
	names, hashes := map[string]bool{}, map[Hash]bool{}
	number := 0
	for line := range strings.Lines(string(file)) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		e, err := parseEntry(words)
		switch {
		case err != nil:
		case names[e.Name]:
			err = fmt.Errorf("the name is another key's already")
		case hashes[e.Hash]:
			err = fmt.Errorf("the hash is another key's already")
		case len(keys.entries) == maxKeys:
			err = fmt.Errorf("there are more than %d keys", maxKeys)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		names[e.Name], hashes[e.Hash] = true, true
		keys.entries = append(keys.entries, e)
	}
	if len(keys.entries) == 0 { // more likely a file that is being written than that nobody is to be let in
		return nil, errors.New("there is no key")
	}
	return keys, nil
}

func parseEntry(words []string) (e Entry, err error) {
	if len(words) < 2 {
		return e, fmt.Errorf("must be NAME sha256:HEX, and optionally scopes= and rate=")
	}
	e.Name = words[0]
	if err := CheckName(e.Name); err != nil {
		return e, err
	}
	digits, found := strings.CutPrefix(words[1], hashPrefix)
	sum, err := hex.DecodeString(digits)
	if !found || err != nil || len(sum) != len(e.Hash) {
		return e, fmt.Errorf("the second word must be sha256: and 64 hexadecimal digits, as spikeray key prints it")
	}
	e.Hash = Hash(sum)
	for _, word := range words[2:] {
		option, value, _ := strings.Cut(word, "=")
		switch {
		case option == "scopes" && e.Scopes == 0:
			e.Scopes, err = ParseScopes(value)
		case option == "rate" && e.Rate.IsZero():
			e.Rate, err = ParseRate(value)
		default:
			err = fmt.Errorf("what follows the hash must be scopes= and rate=, each once")
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

// find is the identity of a key. It takes the same time wherever in the file the key is, and whether it is there: every hash
// is compared, each in constant time.
func (k *Keys) find(key string) (Identity, bool) {
	hash := HashOf(key)
	found := -1
	for i := range k.entries {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(k.entries[i].Hash[:], hash[:]), i, found)
	}
	if found < 0 {
		return Identity{}, false
	}
	e := &k.entries[found]
	who := Identity{Name: "key:" + e.Name, Scopes: e.Scopes, Rate: e.Rate}
	if who.Scopes == 0 {
		who.Scopes = Usual
	}
	return who, true
}
