package web

import (
	"net/http"
	"testing"
	"testing/fstest"
)

func TestAFileAddsALanguage(t *testing.T) {
	files := newFiles(fstest.MapFS{
		"locale/en.json": {Data: []byte(`{"language.name": "English"}`)},
		"locale/fr.json": {Data: []byte(`{"language.name": "Français"}`)},
	})
	got := serve(t, files, http.MethodGet, Languages, nil)
	if text, want := string(body(t, got)), `{"en":"English","fr":"Français"}`; text != want {
		t.Errorf("the languages are %s, want %s", text, want)
	}
}

func TestThePagesLanguagesHaveNames(t *testing.T) {
	got := serve(t, New(), http.MethodGet, Languages, nil)
	if text, want := string(body(t, got)), `{"de":"Deutsch","en":"English","zh":"中文"}`; text != want {
		t.Errorf("the languages are %s, want %s", text, want)
	}
}
