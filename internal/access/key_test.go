package access

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestKeysAreRandomAndLong(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		key := NewKey()
		if err := CheckKey(key); err != nil || seen[key] || !couldBeKey(key) || !strings.HasPrefix(key, keyPrefix) || len(key) != len(keyPrefix)+43 {
			t.Fatalf("%s: %v", key, err)
		}
		seen[key] = true
	}
	for key, good := range map[string]bool{
		strings.Repeat("0123456789abcdef", 4):          true,
		"YKmfxUY8j7q1yXwWkYbEP1YbA9oOYQ7Cn1vEr4cZ0e4=": true, // openssl rand -base64 32
		"YKmfxUY8j7q1yXwWkYbEP1YbA9oOYQ7Cn1vEr4cZ0e":   false,
		"password":                             false,
		"":                                     false,
		strings.Repeat("a", 50):                false,
		strings.Repeat("123456789", 6):         false,
		NewKey() + " ":                         false,
		NewKey() + ".":                         false,
		NewKey() + "\n":                        false,
		NewKey() + "é":                         false,
		strings.Repeat("0123456789abcdef", 16): true,
		strings.Repeat("0123456789abcdef", 16) + "0":       false,
		"spikeray_" + strings.Repeat("0123456789abcd", 20): false,
	} {
		if err := CheckKey(key); (err == nil) != good {
			t.Errorf("%q: %v", key, err)
		} else if err != nil && len(key) > 3 && strings.Contains(err.Error(), key) {
			t.Errorf("the error tells the key: %v", err)
		}
	}
}

// TestAHashIsTheKeysSHA256 has what printf %s KEY | sha256sum says.
func TestAHashIsTheKeysSHA256(t *testing.T) {
	const key, sum = "spikeray_0123456789012345678901234567890123456789012", "2c94c6c3ce1bfcb4ef38266021bdd829def0fe4525450c1db307107d81121c7f"
	if got := hexOf(HashOf(key)); got != sum {
		t.Error(got)
	}
}

func TestKeyFiles(t *testing.T) {
	a, b := HashOf("a"), HashOf("b")
	line := func(name string, h Hash, more string) string {
		return name + " sha256:" + hex.EncodeToString(h[:]) + more + "\n"
	}
	good := line("ward-3", a, "")
	for text, entries := range map[string]int{ // 0: refused
		good:                                          1,
		good + line("b", b, ""):                       2,
		"# keys\n\n  \t\n" + good + "#" + good:        1,
		strings.ReplaceAll(good, "\n", "\r\n"):        1,
		strings.TrimSuffix(good, "\n"):                1,
		line("a", a, " scopes=predict,explain"):       1,
		line("a", a, " rate=10/s scopes=operate"):     1,
		"\t" + line("a", a, "\trate=600/m"):           1,
		"":                                            0,
		"# none\n":                                    0,
		good + line("ward-3", b, ""):                  0,
		good + line("b", a, ""):                       0,
		"ward-3\n":                                    0,
		"ward-3 secret\n":                             0,
		strings.Replace(good, "sha256", "sha512", 1):  0,
		strings.Replace(good, "sha256:", "", 1):       0,
		good[:40] + "\n":                              0,
		line("a", a, " scopes="):                      0,
		line("a", a, " scopes=all"):                   0,
		line("a", a, " scopes=predict,predict"):       0,
		line("a", a, " scopes=predict scopes=models"): 0,
		line("a", a, " rate=10"):                      0,
		line("a", a, " rate=0/s"):                     0,
		line("a", a, " rate=1/s rate=2/s"):            0,
		line("a", a, " admin=true"):                   0,
		line("a", a, " predict"):                      0,
		line("-a", a, ""):                             0,
		line("ä", a, ""):                              0,
		line(strings.Repeat("a", 65), a, ""):          0,
		line("a", a, "\x00"):                          0,
		good + strings.Repeat("#\n", MaxFile/2):       0,
	} {
		keys, err := ParseKeys([]byte(text))
		if n := 0; err == nil {
			if n = len(keys.entries); n != entries {
				t.Errorf("%.100q: %d keys, want %d", text, n, entries)
			}
		} else if entries != 0 || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), hex.EncodeToString(a[:8])) {
			t.Errorf("%.100q: %v", text, err)
		}
	}
	var many strings.Builder
	for i := range maxKeys {
		many.WriteString(line(fmt.Sprint("k", i), HashOf(fmt.Sprint(i)), ""))
	}
	if keys, err := ParseKeys([]byte(many.String())); err != nil || len(keys.entries) != maxKeys {
		t.Error(err)
	}
	many.WriteString(good)
	if _, err := ParseKeys([]byte(many.String())); err == nil {
		t.Error("there is no bound on keys")
	}
}

func TestALineIsReadAsItIsWritten(t *testing.T) {
	for _, e := range []Entry{
		{Name: "a", Hash: HashOf("a")},
		{Name: "Ward-3.b_c", Hash: HashOf("b"), Scopes: Predict | Operate | Models, Rate: Rate{600, time.Minute}},
		{Name: "0", Hash: HashOf("c"), Scopes: DICOMWeb | Explain, Rate: Rate{1, time.Hour}},
	} {
		keys, err := ParseKeys([]byte(e.String()))
		if err != nil || keys.entries[0] != e {
			t.Errorf("%s: %+v, %v", e, keys, err)
		}
	}
}

func TestWhoHasAKey(t *testing.T) {
	predicts, operates := NewKey(), NewKey()
	keys, err := ParseKeys([]byte(Entry{Name: "p", Hash: HashOf(predicts)}.String() + "\n" +
		Entry{Name: "o", Hash: HashOf(operates), Scopes: Operate, Rate: Rate{5, time.Second}}.String()))
	if err != nil {
		t.Fatal(err)
	}
	var guard Guard
	guard.UseKeys(keys)
	type h = http.Header
	for _, c := range []struct {
		header h
		want   Identity
		reason Reason
	}{
		{h{"Authorization": {"Bearer " + predicts}}, Identity{Name: "key:p", Scopes: Usual}, ""},
		{h{"Authorization": {"bearer   " + predicts}}, Identity{Name: "key:p", Scopes: Usual}, ""},
		{h{"X-Api-Key": {operates}}, Identity{"key:o", Operate, Rate{5, time.Second}}, ""},
		{h{"X-Api-Key": {operates}, "Authorization": {"Basic eDp5"}}, Identity{"key:o", Operate, Rate{5, time.Second}}, ""},
		{h{}, Identity{}, Missing},
		{h{"Authorization": {""}}, Identity{}, Missing},
		{h{"Authorization": {predicts}}, Identity{}, Missing},
		{h{"Authorization": {"Basic " + predicts}}, Identity{}, Missing},
		{h{"Authorization": {"Bearer"}}, Identity{}, Missing},
		{h{"Authorization": {"Bearer "}}, Identity{}, Malformed},
		{h{"Authorization": {"Bearer " + predicts + " "}}, Identity{}, Malformed},
		{h{"Authorization": {"Bearer " + predicts[:42]}}, Identity{}, Malformed},
		{h{"Authorization": {"Bearer " + strings.Repeat(predicts, 10)}}, Identity{}, Malformed},
		{h{"Authorization": {"Bearer " + predicts, "Bearer " + predicts}}, Identity{}, Malformed},
		{h{"X-Api-Key": {predicts, operates}}, Identity{}, Malformed},
		{h{"X-Api-Key": {predicts}, "Authorization": {"Bearer " + predicts}}, Identity{}, Malformed},
		{h{"X-Api-Key": {""}}, Identity{}, Malformed},
		{h{"X-Api-Key": {"Bearer " + predicts}}, Identity{}, Malformed},
		{h{"X-Api-Key": {NewKey()}}, Identity{}, UnknownKey},
		{h{"Authorization": {"Bearer " + predicts[:len(predicts)-1] + next(predicts[len(predicts)-1])}}, Identity{}, UnknownKey},
		{h{"Authorization": {"Bearer " + hexOf(HashOf(predicts))}}, Identity{}, UnknownKey}, // the hash is no key
		{h{"Authorization": {"Bearer a.b.c"}}, Identity{}, InvalidToken},
	} {
		who, err := guard.Identify(c.header)
		if who != c.want || reasonOf(err) != c.reason || (err == nil) != (c.reason == "") {
			t.Errorf("%v: %+v, %v; want %+v, %q", c.header, who, err, c.want, c.reason)
		}
		if err != nil && (strings.Contains(err.Error(), predicts) || strings.Contains(err.Error(), operates)) {
			t.Errorf("the refusal tells a key: %v", err)
		}
	}
	var nobody Guard
	if _, err := nobody.Identify(h{"X-Api-Key": {predicts}}); reasonOf(err) != UnknownKey {
		t.Errorf("a guard that knows nobody says %v", err)
	}
}

func hexOf(h Hash) string { return hex.EncodeToString(h[:]) }

// TestAKeysPlaceCannotBeTimed: a comparison that ended early, or stopped at the key, would take a thousandth for the first key.
func TestAKeysPlaceCannotBeTimed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes measured time")
	}
	var file strings.Builder
	var all []string
	for i := range maxKeys {
		all = append(all, NewKey())
		fmt.Fprintln(&file, Entry{Name: fmt.Sprint("k", i), Hash: HashOf(all[i])})
	}
	keys, err := ParseKeys([]byte(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	best := func(key string) time.Duration {
		least := time.Hour
		for range 300 {
			began := time.Now()
			keys.find(key)
			least = min(least, time.Since(began))
		}
		return least
	}
	first, last, none := best(all[0]), best(all[maxKeys-1]), best(NewKey())
	if longest := max(first, last, none); longest > 3*min(first, last, none) {
		t.Errorf("the first key takes %v, the last %v, another %v", first, last, none)
	}
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(Entry{Name: "a", Hash: HashOf("a"), Scopes: Predict, Rate: Rate{1, time.Second}}.String() + "\n# x\n"))
	f.Add([]byte("a sha256:00 scopes=,"))
	f.Fuzz(func(t *testing.T, file []byte) {
		keys, err := ParseKeys(file)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, e := range keys.entries {
			fmt.Fprintln(&again, e)
		}
		same, err := ParseKeys([]byte(again.String()))
		if err != nil || fmt.Sprint(same) != fmt.Sprint(keys) {
			t.Errorf("%q is written as %q: %v", file, again.String(), err)
		}
	})
}
