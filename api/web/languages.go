package web

import (
	"encoding/json"
	"io/fs"
	"path"
	"strings"
)

// Languages is the name of the list of languages: an object with the name that each gives itself, by its tag. It is made of the
// files in locale, so that a further file there adds a language.
const Languages = "languages.json"

// languageName is the key of a language's own name in its file.
const languageName = "language.name"

// languages makes the list. A file that is no object of texts, or has no name, is a mistake of whoever put it there.
func languages(in fs.FS) []byte {
	files, err := fs.Glob(in, "locale/*.json")
	if err != nil {
		panic("web: " + err.Error()) // the pattern is a constant
	}
	names := map[string]string{}
	for _, file := range files {
		var texts map[string]string
		if err := json.Unmarshal(read(in, file), &texts); err != nil || texts[languageName] == "" {
			panic("web: " + file + " is no list of texts with a " + languageName)
		}
		names[strings.TrimSuffix(path.Base(file), ".json")] = texts[languageName]
	}
	list, err := json.Marshal(names)
	if err != nil {
		panic("web: " + err.Error()) // texts can always be encoded
	}
	return list
}
