// Package pkg_test holds the packages below to what a library may show.
package pkg_test

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/spikeray/spikeray/"

// TestExportsHaveNoInternalTypes: who imports a package below can name all types of what it exports.
func TestExportsHaveNoInternalTypes(t *testing.T) {
	build.Default.CgoEnabled = false // the importer would have it compile net
	files := token.NewFileSet()
	config := types.Config{Importer: importer.ForCompiler(files, "source", nil)}
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || d.Name() == "testdata" {
			return err
		}
		p, err := build.ImportDir(dir, 0)
		if len(p.GoFiles) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(files, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			parsed = append(parsed, f)
		}
		checked, err := config.Check(module+"pkg/"+filepath.ToSlash(dir), files, parsed, nil)
		if err != nil {
			return err
		}
		for _, name := range checked.Scope().Names() {
			if o := checked.Scope().Lookup(name); o.Exported() {
				s := surface{t: t, of: checked, seen: map[types.Type]bool{}}
				s.walk(dir+"."+name, o.Type())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// surface is what can be reached of an exported object by exported names.
type surface struct {
	t    *testing.T
	of   *types.Package
	seen map[types.Type]bool
}

func (s *surface) walk(at string, t types.Type) {
	t = types.Unalias(t)
	if s.seen[t] {
		return
	}
	s.seen[t] = true
	switch t := t.(type) {
	case *types.Named:
		p := t.Obj().Pkg()
		if p != nil && strings.HasPrefix(p.Path(), module+"internal/") {
			s.t.Errorf("%s shows %s", at, t)
		}
		if p != s.of { // the universe's, or looked at by itself
			return
		}
		for m := range t.Methods() {
			if m.Exported() {
				s.walk(at+"."+m.Name(), m.Type())
			}
		}
		s.walk(at, t.Underlying())
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() || f.Embedded() {
				s.walk(at+"."+f.Name(), f.Type())
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			if m.Exported() {
				s.walk(at+"."+m.Name(), m.Type())
			}
		}
	case *types.Signature:
		s.walk(at, t.Params())
		s.walk(at, t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			s.walk(at, v.Type())
		}
	case *types.Map:
		s.walk(at, t.Key())
		s.walk(at, t.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		s.walk(at, t.Elem())
	}
}
