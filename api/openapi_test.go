//go:build !race

package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

var openDocument = sync.OnceValues(func() (validator.Validator, error) {
	d, err := libopenapi.NewDocument(document)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(d)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

func TestDocumentIsValidOpenAPI(t *testing.T) {
	v, err := openDocument()
	if err != nil {
		t.Fatal(err)
	}
	if ok, errs := v.ValidateDocument(); !ok {
		for _, e := range errs {
			t.Errorf("%s: %s", e.Message, e.Reason)
			for _, s := range e.SchemaValidationErrors {
				t.Errorf("  %s: %s", s.FieldPath, s.Reason)
			}
		}
	}
}

// documented lists "METHOD path status" of every answer in the document.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	d, err := libopenapi.NewDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for path, item := range m.Model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			for status := range operation.Responses.Codes.FromOldest() {
				out[fmt.Sprintf("%s %s %s", strings.ToUpper(method), path, status)] = true
			}
		}
	}
	return out
}

func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	server, _ := newServer(t, nil)
	var served []string
	err := chi.Walk(server.routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	for answer := range documented(t) {
		operations[answer[:strings.LastIndex(answer, " ")]] = true
	}
	slices.Sort(served)
	if want := slices.Sorted(maps.Keys(operations)); !slices.Equal(served, want) {
		t.Errorf("served %q\ndocumented %q", served, want)
	}
}

// holdPromises fails the test if these are not the answers of the document, each "METHOD path status".
func holdPromises(t *testing.T, seen map[string]bool) {
	t.Helper()
	promised := documented(t)
	for answer := range promised {
		if !seen[answer] {
			t.Errorf("promised but never given: %s", answer)
		}
	}
	for answer := range seen {
		if !promised[answer] {
			t.Errorf("given but not promised: %s", answer)
		}
	}
}

// validate fails the test if the answer to r is not one that the document has for as.
func validate(t testing.TB, r, as *http.Request, answered *http.Response) {
	t.Helper()
	v, err := openDocument()
	if err != nil {
		t.Fatal(err)
	}
	if ok, errs := v.ValidateHttpResponse(as, answered); !ok {
		for _, e := range errs {
			t.Errorf("%s %s, %d: %s: %s", r.Method, r.URL.Path, answered.StatusCode, e.Message, e.Reason)
			for _, s := range e.SchemaValidationErrors {
				t.Errorf("  %s: %s", s.FieldPath, s.Reason)
			}
		}
	}
}
