// Package web holds the pages that a browser shows, and serves them: what lies in static is served as it is, there is no build
// step. No file asks anything of another site.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"sync"
)

// The pages. All other files are what these load.
const (
	Index  = "index.html"
	Status = "status.html"
)

//go:embed static
var embedded embed.FS

// types are the media types of the files that may lie in static, by the end of their names.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
}

// policy allows a page its own files, pictures that it holds in memory, and requests to this server; no markup that is made
// of a string, and no other page around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// permissions are the features of a browser that a page may use: none of those that ask its user, move or listen.
const permissions = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), encrypted-media=(), " +
	"fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), " +
	"midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), " +
	"window-management=(), xr-spatial-tracking=()"

// headers are those of every file.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"Permissions-Policy":           permissions,
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"Cache-Control":                "no-cache", // asks each time, by the ETag
	"Vary":                         "Accept-Encoding",
}

// Files are files that can be served. They are made by [New] and are safe for concurrent use.
type Files struct {
	byName map[string]func() contents // which reads the file once
}

// New makes the embedded files servable. It reads none of them.
func New() *Files {
	static, err := fs.Sub(embedded, "static")
	if err != nil {
		panic("web: " + err.Error()) // the name is a constant
	}
	return newFiles(static)
}

// newFiles panics if a file is of a type that is not known, which is a mistake of whoever put it there.
func newFiles(in fs.FS) *Files {
	files := &Files{map[string]func() contents{}}
	err := fs.WalkDir(in, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if types[path.Ext(name)] == "" {
			return fmt.Errorf("%s is of a type that is not served", name)
		}
		files.byName[name] = sync.OnceValue(func() contents { return pack(read(in, name)) })
		return nil
	})
	files.byName[Languages] = sync.OnceValue(func() contents { return pack(languages(in)) })
	if err != nil {
		panic("web: " + err.Error())
	}
	return files
}

// Serve answers a GET or HEAD request with the file of that name, such as "locale/en.json". For a name that is no file's it
// writes nothing and returns false.
func (s *Files) Serve(w http.ResponseWriter, r *http.Request, name string) bool {
	open := s.byName[name]
	if open == nil {
		return false
	}
	h := w.Header()
	for name, value := range headers {
		h.Set(name, value)
	}
	c := open()
	body, tag := c.plain, c.tag
	if c.packed != nil && acceptsGzip(r.Header["Accept-Encoding"]) {
		body, tag = c.packed, c.packedTag
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	if matches(r.Header["If-None-Match"], tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h.Set("Content-Type", types[path.Ext(name)])
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the error means that the client has left
	}
	return true
}

// contents are a file's bytes as they are and, if that is shorter, compressed, each with its entity tag.
type contents struct {
	plain, packed  []byte
	tag, packedTag string
}

func read(in fs.FS, name string) []byte {
	b, err := fs.ReadFile(in, name)
	if err != nil {
		panic("web: " + err.Error()) // it was found there
	}
	return b
}

// pack compresses a file's bytes, when they are first asked for.
func pack(plain []byte) contents {
	sum := sha256.Sum256(plain)
	tag := hex.EncodeToString(sum[:12])
	c := contents{plain: plain, tag: `"` + tag + `"`}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic("web: " + err.Error()) // the level is a constant
	}
	_, _ = z.Write(plain) // memory takes every byte
	_ = z.Close()
	if out.Len() < len(plain) {
		c.packed, c.packedTag = out.Bytes(), `"`+tag+`-gzip"`
	}
	return c
}
