package spinnaker

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDatabaseOfTheToolchainIsRead(t *testing.T) {
	m, err := readMapping(unpacked(t))
	if err != nil {
		t.Fatal(err)
	}
	if m.TimeStep != 1000 || m.Steps != 80 || m.Proxied {
		t.Errorf("%v microseconds, %d steps, proxied: %t", m.TimeStep, m.Steps, m.Proxied)
	}
	// As Python's sqlite3 selects them.
	for label, want := range map[string]struct {
		atoms       int
		first, last uint32
		core, tag   uint8
	}{
		"source": {198, 0, 197, 5, 7}, "marker": {1, 4096, 4096, 6, 7}, "spike1": {120, 8192, 10096, 7, 6},
		"spike2": {150, 12288, 14672, 8, 6}, "spike3": {7, 16384, 16480, 9, 6},
	} {
		p := m.Populations[label]
		if p == nil || len(p.Atoms) != want.atoms {
			t.Fatalf("%s: %+v", label, p)
		}
		first, last := p.Atoms[0], p.Atoms[want.atoms-1]
		core := coreAddress{0, 0, want.core, "127.0.0.0"}
		if first != (loadedAtom{want.first, core}) || last != (loadedAtom{want.last, core}) {
			t.Errorf("%s: from %+v to %+v", label, first, last)
		}
		if len(p.Live) != 1 || p.Live[0].Tag != want.tag || !p.Live[0].Strip || p.Live[0].Board != "127.0.0.0" {
			t.Errorf("%s: %+v", label, p.Live)
		}
	}
}

// compareTables compares the tables of a database that SQLite made with what SQLite selects from them.
func compareTables(t *testing.T, line []byte) (rows int) {
	t.Helper()
	var want struct {
		File string
		Rows [][]any
	}
	if err := json.Unmarshal(line, &want); err != nil {
		t.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(want.File)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	d, err := parseDatabase(b)
	if err != nil {
		t.Fatal(err)
	}
	got := [][]any{}
	if err := d.each("Rows", []string{"number", "n", "x", "s"}, func(r []any) error {
		row := make([]any, 4)
		for i, v := range r {
			switch v := v.(type) {
			case int64:
				row[i] = strconv.FormatInt(v, 10)
				if i == 2 { // SQLite keeps whole floating-point numbers as integers
					row[i] = float64(v)
				}
			default:
				row[i] = v
			}
		}
		got = append(got, row)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Rows, got); diff != "" {
		t.Errorf("(-SQLite +us):\n%.2000s", diff)
	}
	return len(got)
}

func TestTablesAreSQLites(t *testing.T) {
	b := inflate(t, "testdata/tables.json.gz")
	rows := 0
	for _, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		rows += compareTables(t, line)
	}
	if rows < 300 {
		t.Errorf("%d rows", rows)
	}
}

func TestBrokenDatabasesAreRefused(t *testing.T) {
	path := unpacked(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	edit := func(old, new string) []byte {
		if !bytes.Contains(whole, []byte(old)) || len(old) != len(new) {
			t.Fatalf("%q is not there", old)
		}
		return bytes.ReplaceAll(whole, []byte(old), []byte(new))
	}
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(write("long", whole), maxDatabase+1); err != nil {
		t.Fatal(err)
	}
	journalled := write("journalled", whole)
	write("journalled-journal", []byte{1})
	for want, path := range map[string]string{
		"not an SQLite database":                 write("text", []byte("a file of another kind")),
		"is being written":                       journalled,
		"does not exist or is used":              write("half", whole[:len(whole)/2]),
		"not a regular file":                     folder,
		"pipe is not a regular file":             pipe,
		"long is not a regular file":             filepath.Join(folder, "long"),
		"it has no table IP_tags":                write("table", edit("tableIP_tags", "tableIP_togs")),
		`two populations have the name "spike2"`: write("twice", edit("spike3", "spike2")),
		"the board at chip 0, 0":                 write("address", edit("127.0.0.0", "127.0.0.X")),
	} {
		if _, err := readMapping(path); !errors.Is(err, ErrDatabase) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := readMapping(filepath.Join(folder, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 { // whatever is in it, it is read or refused
		b := bytes.Clone(whole)
		for range 1 + rng.IntN(20) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		if d, err := parseDatabase(b); err == nil {
			d.mapping()
		}
	}
}

// tables is a database of tables with such columns and rows, of integers and of strings of up to 50 bytes.
func tables(t *testing.T, columns map[string]string, rows map[string][][]any) *database {
	t.Helper()
	const size, most = 1 << 16, 500
	record := func(row []any) []byte {
		kinds, body := []byte{byte(len(row) + 1)}, []byte{}
		for _, v := range row {
			switch v := v.(type) {
			case int:
				kinds, body = append(kinds, 6), binary.BigEndian.AppendUint64(body, uint64(v))
			case string:
				kinds, body = append(kinds, byte(13+2*len(v))), append(body, v...)
			}
		}
		return append(kinds, body...)
	}
	page := func(kind byte, start int, cells [][]byte) []byte {
		b := make([]byte, size)
		b[start] = kind
		binary.BigEndian.PutUint16(b[start+3:], uint16(len(cells)))
		array, end := start+8, size
		if kind == 5 {
			array += 4
		}
		for i, c := range cells {
			end -= len(c)
			copy(b[end:], c)
			binary.BigEndian.PutUint16(b[array+2*i:], uint16(end))
		}
		return b
	}
	leaf := func(start int, rows [][]any) []byte {
		var cells [][]byte
		for _, r := range rows {
			b := record(r)
			cells = append(cells, append([]byte{byte(len(b)), 1}, b...))
		}
		return page(13, start, cells)
	}
	var schema [][]any
	file := make([]byte, size)
	for name, all := range rows {
		var below [][]byte
		number := func() int { return len(file)/size + 1 }
		for part := range slices.Chunk(all, most) {
			below = append(below, append(binary.BigEndian.AppendUint32(nil, uint32(number())), 1))
			file = append(file, leaf(0, part)...)
		}
		schema = append(schema, []any{"table", name, name, number(), "(" + columns[name] + ")"})
		root := page(5, 0, below[:len(below)-1])
		copy(root[8:], below[len(below)-1][:4])
		file = append(file, root...)
	}
	copy(file, leaf(100, schema))
	copy(file, "SQLite format 3\x00\x00\x01\x01\x01")
	binary.BigEndian.PutUint32(file[56:], 1)
	d, err := parseDatabase(file)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTagsAreBounded(t *testing.T) {
	live := func(gatherers, tags, vertices, times int) (map[int64][]liveTag, error) {
		cores, rows := map[int64]coreAddress{}, map[string][][]any{}
		for g := range gatherers {
			cores[int64(g)] = coreAddress{Board: "10.0.0.1"}
			for range times {
				for i := range tags {
					rows["IP_tags"] = append(rows["IP_tags"], []any{g, i % 8, fmt.Sprintf("10.0.%d.%d", g, i/8), 1})
				}
				for v := range vertices {
					rows["m_vertex_to_lpg_vertex"] = append(rows["m_vertex_to_lpg_vertex"], []any{1000 + v, g})
				}
			}
		}
		return tables(t, map[string]string{
			"IP_tags": "vertex_id, tag, board_address, strip_sdp", "m_vertex_to_lpg_vertex": "pre_vertex_id, post_vertex_id",
		}, rows).live(cores)
	}
	if got, err := live(1, 3, 2, 400); err != nil || len(got) != 2 || len(got[1000]) != 3 || len(got[1001]) != 3 {
		t.Errorf("3 tags said again and again: %v, %v", got, err)
	}
	if got, err := live(2, maxTags/2, 1, 2); err != nil || len(got[1000]) != maxTags {
		t.Errorf("as many tags as there may be: %v, %v", got, err)
	}
	for want, c := range map[string][3]int{
		"the vertex 0 has more than 16 tags":    {1, maxTags + 1, 1},
		"the vertex 1000 has more than 16 tags": {2, maxTags/2 + 1, 1},
		"more than 1048576 tags":                {1, maxTags, maxLive/maxTags + 1},
	} {
		if _, err := live(c[0], c[1], c[2], 1); !errors.Is(err, ErrDatabase) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestOnlyDatabasesBelowTheFolderAreRead(t *testing.T) {
	path := unpacked(t)
	inside, err := newToolchain("127.0.0.1:0", filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer inside.close()
	if _, err := inside.read(path); err != nil {
		t.Error(err)
	}
	outside, err := newToolchain("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer outside.close()
	link := filepath.Join(outside.below, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, link, outside.below + "/../x", "relative", ""} {
		if _, err := outside.read(p); err == nil {
			t.Errorf("%q was read", p)
		}
	}
}

// FuzzDatabase changes and cuts the toolchain's database: every four bytes are a place and what it becomes.
func FuzzDatabase(f *testing.F) {
	whole := inflate(f, "testdata/network.sqlite3.gz")
	f.Add([]byte{}, uint32(len(whole)))
	f.Add([]byte{0, 0, 16, 2, 0, 0, 100, 5}, uint32(len(whole)))
	f.Add([]byte{1, 0, 3, 255, 1, 16, 0, 5, 1, 16, 8, 0}, uint32(len(whole)/2))
	f.Fuzz(func(t *testing.T, edits []byte, size uint32) {
		if len(edits) > 40 { // Go shortens what is new in a time that grows with the square of its length
			return
		}
		b := bytes.Clone(whole[:min(int(size), len(whole))])
		for ; len(edits) >= 4 && len(b) > 0; edits = edits[4:] {
			b[(int(edits[0])<<16|int(edits[1])<<8|int(edits[2]))%len(b)] = edits[3]
		}
		d, err := parseDatabase(b)
		if err == nil {
			_, err = d.mapping()
		}
		if err != nil && !errors.Is(err, ErrDatabase) {
			t.Error(err)
		}
	})
}
