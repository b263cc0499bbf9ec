package trace_test

import (
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/trace"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// The cases are those of the W3C's recommendation (3.2.2) and its test suite.
func TestATraceparentIsReadAsTheRecommendationSays(t *testing.T) {
	for name, c := range map[string]struct {
		values []string
		known  bool
	}{
		"as it should be":              {[]string{parent}, true},
		"not sampled":                  {[]string{strings.TrimSuffix(parent, "1") + "0"}, true},
		"other flags":                  {[]string{parent[:53] + "ff"}, true},
		"a later version":              {[]string{"cc" + parent[2:]}, true},
		"a later version with more":    {[]string{"cc" + parent[2:] + "-what-the-future-holds"}, true},
		"none":                         {nil, false},
		"two":                          {[]string{parent, parent}, false},
		"empty":                        {[]string{""}, false},
		"version ff":                   {[]string{"ff" + parent[2:]}, false},
		"version 00 with more":         {[]string{parent + "-more"}, false},
		"a later version, no dash":     {[]string{"cc" + parent[2:] + ".more"}, false},
		"capitals":                     {[]string{strings.ToUpper(parent)}, false},
		"a trace of zeros":             {[]string{"00-" + strings.Repeat("0", 32) + parent[35:]}, false},
		"a span of zeros":              {[]string{parent[:36] + strings.Repeat("0", 16) + parent[52:]}, false},
		"not hexadecimal":              {[]string{strings.Replace(parent, "c", "g", 1)}, false},
		"a version that is none":       {[]string{"0x" + parent[2:]}, false},
		"too short":                    {[]string{parent[:54]}, false},
		"other signs between":          {[]string{strings.ReplaceAll(parent, "-", "_")}, false},
		"blanks":                       {[]string{" " + parent}, false},
		"the flags are not hexadecmal": {[]string{parent[:53] + ".0"}, false},
	} {
		got, known := trace.Parse(c.values)
		if known != c.known {
			t.Errorf("%s: known is %v", name, known)
		}
		if !known && got != (trace.Context{}) {
			t.Errorf("%s: %v, although it is not known", name, got)
		}
		if known && (got.Trace.String() != parent[3:35] || got.Span.String() != parent[36:52]) {
			t.Errorf("%s: trace %s, span %s", name, got.Trace, got.Span)
		}
		if known && got.Sampled != (name != "not sampled") {
			t.Errorf("%s: sampled is %v", name, got.Sampled)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(parent)
	f.Add("cc" + parent[2:] + "-more")
	f.Fuzz(func(t *testing.T, value string) {
		c, known := trace.Parse([]string{value})
		if !known {
			return
		}
		if written := c.Trace.String() + "-" + c.Span.String(); value[3:52] != written {
			t.Errorf("%q is read as %q", value, written)
		}
	})
}
