package web

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// static reads the embedded files, by name.
func static(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name := range New().byName {
		if name == Languages {
			continue
		}
		b, err := fs.ReadFile(embedded, path.Join("static", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}

func TestBothPagesAreThere(t *testing.T) {
	for _, name := range []string{Index, Status, "locale/en.json", "locale/de.json", "locale/zh.json"} {
		if static(t)[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
}

var placeholder = regexp.MustCompile(`\{[A-Za-z0-9_]+\}`)

// TestEachLanguageHasTheSameTexts, none of them empty, with the same places for values.
func TestEachLanguageHasTheSameTexts(t *testing.T) {
	texts := map[string]map[string]string{}
	for name, content := range static(t) {
		if path.Dir(name) != "locale" {
			continue
		}
		one := map[string]string{}
		if err := json.Unmarshal([]byte(content), &one); err != nil {
			t.Errorf("%s is not text by key: %v", name, err)
		}
		texts[name] = one
	}
	english := texts["locale/en.json"]
	for name, one := range texts {
		for key := range english {
			if _, ok := one[key]; !ok {
				t.Errorf("%s lacks %q", name, key)
			}
		}
		for key, text := range one {
			want, ok := english[key]
			if !ok {
				t.Errorf("%s has %q, which English has not", name, key)
				continue
			}
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %q is empty", name, key)
			}
			if got, want := places(text), places(want); !slices.Equal(got, want) {
				t.Errorf("%s: %q has places for %q, English for %q", name, key, got, want)
			}
		}
	}
}

func places(text string) []string {
	set := map[string]bool{}
	for _, p := range placeholder.FindAllString(text, -1) {
		set[p] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// TestNothingIsInline that the policy would not run, and no markup is made of a string.
func TestNothingIsInline(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		".html": regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(>|\s[^>]*>\s*[^<\s])|javascript:|<base|<iframe|<object|<embed`),
		".js":   regexp.MustCompile(`\b(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|parseFromString|createContextualFragment|eval|Function)\b|document\.write|setAttribute\(\s*['"](style|on[a-z]+)`),
		".svg":  regexp.MustCompile(`(?i)<script|\son[a-z]+=|<foreignObject|href=`),
	}
	for name, content := range static(t) {
		if f := forbidden[path.Ext(name)]; f != nil {
			for _, found := range f.FindAllString(content, -1) {
				t.Errorf("%s has %q", name, found)
			}
		}
	}
}

var (
	outside   = regexp.MustCompile(`(?i)(src|href|from|import|url|fetch)\s*[=(]?\s*["'(]?\s*(https?:)?//[^"')\s]*`)
	reference = regexp.MustCompile(`(?:src|href)="(/?web/[^"#?]+)"`)
	imported  = regexp.MustCompile(`(?:from|import)\s*\(?\s*["'](\.{0,2}/[^"']+)["']`)
)

// TestPagesLoadWhatIsThere, and nothing from elsewhere.
func TestPagesLoadWhatIsThere(t *testing.T) {
	files := static(t)
	for name, content := range files {
		for _, found := range outside.FindAllString(content, -1) {
			if !strings.Contains(found, "http://www.w3.org/") { // the names of XML's vocabularies
				t.Errorf("%s asks another site: %s", name, found)
			}
		}
		for _, m := range reference.FindAllStringSubmatch(content, -1) {
			if file := strings.TrimPrefix(strings.TrimPrefix(m[1], "/"), "web/"); files[file] == "" {
				t.Errorf("%s refers to %s, which is not there", name, m[1])
			}
		}
		if path.Ext(name) != ".js" {
			continue
		}
		for _, m := range imported.FindAllStringSubmatch(content, -1) {
			if file := strings.TrimPrefix(path.Join("/web", m[1]), "/web/"); files[file] == "" {
				t.Errorf("%s imports %s, which is not there", name, m[1])
			}
		}
	}
}

const (
	// mostScript, of each page, and mostTransfer are limits of what is transferred, compressed.
	mostScript   = 40 << 10
	mostTransfer = 100 << 10
	// mostHeaders is what the headers of an answer take, more or less.
	mostHeaders = 1500
)

// TestThePageIsLight: the script of each page, and what the first visit to / transfers, which is at most all that is not of the
// live view, with one language.
func TestThePageIsLight(t *testing.T) {
	script, transfer, language := map[string]int{}, 0, 0
	for name, open := range New().byName {
		c := open()
		size := len(c.plain)
		if c.packed != nil {
			size = len(c.packed)
		}
		live := strings.HasPrefix(name, "status")
		if path.Ext(name) == ".js" && live {
			script[Status] += size
		} else if path.Ext(name) == ".js" {
			script[Index] += size
		}
		switch size += mostHeaders; {
		case path.Dir(name) == "locale":
			language = max(language, size)
		case !live:
			transfer += size
		}
	}
	transfer += language
	for page, size := range script {
		if size >= mostScript {
			t.Errorf("%d bytes of script for %s, must be below %d", size, page, mostScript)
		}
	}
	if transfer >= mostTransfer {
		t.Errorf("%d bytes for the first visit, must be below %d", transfer, mostTransfer)
	}
	t.Logf("bytes of script: %v; %d bytes for the first visit", script, transfer)
}
