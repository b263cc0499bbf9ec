package dimse

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testcert"
)

// tool finds a program of another implementation, without which a test is skipped.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: tests against dcmtk and gdcm want it", name)
	}
	return path
}

func output(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, tool(t, name), args...).CombinedOutput()
	return string(out), err
}

func runs(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := output(t, name, args...); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// picture is a small greyscale image that other programs take.
func picture(class string) *dicom.Dataset {
	d := new(dicom.Dataset)
	d.SetStrings(dicom.SOPClassUID, class)
	d.SetStrings(dicom.SOPInstanceUID, "2.25.31415926")
	d.SetStrings(dicom.StudyInstanceUID, "2.25.3141")
	d.SetStrings(dicom.SeriesInstanceUID, "2.25.31415")
	d.SetStrings(dicom.PatientName, "Planted^Name")
	d.SetStrings(dicom.PatientID, "4711")
	d.SetStrings(dicom.Modality, "OT")
	d.SetStrings(dicom.PhotometricInterpretation, "MONOCHROME2")
	d.SetInts(dicom.SamplesPerPixel, 1)
	d.SetInts(dicom.Rows, 64)
	d.SetInts(dicom.Columns, 64)
	d.SetInts(dicom.BitsAllocated, 8)
	d.SetInts(dicom.BitsStored, 8)
	d.SetInts(dicom.HighBit, 7)
	d.SetInts(dicom.PixelRepresentation, 0)
	pixels := make([]byte, 64*64)
	for i := range pixels {
		pixels[i] = byte(i%64*3 + i/64)
	}
	d.SetBytes(dicom.PixelData, dicom.OB, pixels)
	return d
}

// inEverySyntax makes the picture's file in all transfer syntaxes.
func inEverySyntax(t testing.TB) map[string]string {
	t.Helper()
	dir := t.TempDir()
	data, err := dicom.EncodeFile(picture(dicom.SecondaryCaptureImage), dicom.ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain.dcm")
	if err := os.WriteFile(plain, data, 0o600); err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{dicom.ExplicitLittleEndian: plain}
	for syntax, args := range map[string][]string{
		dicom.ImplicitLittleEndian: {"dcmconv", "+ti"},
		dicom.ExplicitBigEndian:    {"dcmconv", "+tb"},
		dicom.DeflatedLittleEndian: {"dcmconv", "+td"},
		dicom.JPEGBaseline:         {"dcmcjpeg", "+eb", "+ua"},
		dicom.JPEGExtended:         {"dcmcjpeg", "+ee", "+ua"},
		dicom.JPEGLossless:         {"dcmcjpeg", "+el"},
		dicom.JPEGLosslessSV1:      {"dcmcjpeg", "+e1"},
		dicom.JPEGLSLossless:       {"dcmcjpls", "+el"},
		dicom.JPEGLSNearLossless:   {"dcmcjpls", "+en"},
		dicom.RLELossless:          {"dcmcrle"},
		dicom.JPEG2000Lossless:     {"gdcmconv", "--j2k"},
		dicom.JPEG2000:             {"gdcmconv", "--j2k", "--lossy", "-q", "60"},
	} {
		path := filepath.Join(dir, syntax+".dcm")
		runs(t, args[0], append(args[1:], plain, path)...)
		paths[syntax] = path
	}
	return paths
}

func parsed(t testing.TB, path string) *dicom.File {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Parse(data, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// same compares data sets but for where in a file their elements are, for representations that one syntax has not, and for
// padding. It tells the first difference.
func same(a, b *dicom.Dataset) string {
	if a.Len() != b.Len() {
		return fmt.Sprintf("%d and %d elements", a.Len(), b.Len())
	}
	for i, x := range a.Elements() {
		y := b.Elements()[i]
		equal := x.Tag == y.Tag && len(x.Items) == len(y.Items) && slices.EqualFunc(x.Fragments, y.Fragments, bytes.Equal)
		if x.Tag == dicom.PixelData {
			equal = equal && bytes.Equal(x.Value, y.Value)
		} else {
			equal = equal && bytes.Equal(bytes.TrimRight(x.Value, " \x00"), bytes.TrimRight(y.Value, " \x00"))
		}
		if !equal {
			return fmt.Sprintf("%v with %d bytes and %v with %d bytes", x.Tag, len(x.Value), y.Tag, len(y.Value))
		}
		for k := range x.Items {
			if diff := same(x.Items[k], y.Items[k]); diff != "" {
				return fmt.Sprintf("item %d of %v: %s", k+1, x.Tag, diff)
			}
		}
	}
	return ""
}

// profile writes a configuration file for dcmtk: Secondary Capture in these transfer syntaxes and no other.
func profile(t testing.TB, syntaxes ...string) string {
	t.Helper()
	text := "[[TransferSyntaxes]]\n[Some]\n"
	for i, s := range syntaxes {
		text += fmt.Sprintf("TransferSyntax%d = %s\n", i+1, s)
	}
	text += "[[PresentationContexts]]\n[Contexts]\nPresentationContext1 = VerificationSOPClass\\Some\n" +
		"PresentationContext2 = SecondaryCaptureImageStorage\\Some\n[[Profiles]]\n[Film]\nPresentationContexts = Contexts\n"
	path := filepath.Join(t.TempDir(), "profile.cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEchoscuAndItsRefusal(t *testing.T) {
	peer := started(t, &Server{AETitle: "SPIKERAY", Callers: []Caller{{AETitle: "ROUTER"}}})
	host, port, _ := net.SplitHostPort(peer.Addr)
	runs(t, "echoscu", "-aec", "SPIKERAY", "-aet", "ROUTER", "-ppc", "128", "-pts", "38", "--repeat", "3", host, port)
	runs(t, "echoscu", "-aec", "SPIKERAY", "-aet", "ROUTER", "--abort", host, port)
	for _, args := range [][]string{{"-aec", "OTHER", "-aet", "ROUTER"}, {"-aec", "SPIKERAY", "-aet", "STRANGER"}} {
		out, err := output(t, "echoscu", append(args, host, port)...)
		if err == nil || !bytes.Contains([]byte(out), []byte("Association Rejected")) {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}

func TestStorescuSendsEverySyntax(t *testing.T) {
	tool(t, "storescu")
	var got taken
	peer := started(t, &Server{AETitle: "SPIKERAY", Store: got.store})
	host, port, _ := net.SplitHostPort(peer.Addr)
	for syntax, path := range inEverySyntax(t) {
		got.forget()
		runs(t, "storescu", "-xf", profile(t, syntax), "Film", "-aec", "SPIKERAY", host, port, path)
		list := got.all()
		if len(list) != 1 || list[0].Syntax != syntax || list[0].CallingAE != "STORESCU" {
			t.Errorf("%s: %d objects", dicom.NamedUID(syntax), len(list))
			continue
		}
		data, err := list[0].File()
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Parse(data, dicom.Limits{})
		if err != nil {
			t.Errorf("%s: %v", dicom.NamedUID(syntax), err)
			continue
		}
		if diff := same(parsed(t, path).Dataset, f.Dataset); diff != "" {
			t.Errorf("%s: %s", dicom.NamedUID(syntax), diff)
		}
	}
}

// By its own proposals, one for each syntax, storescu is answered so that it can send what it has.
func TestStorescuProposes(t *testing.T) {
	tool(t, "storescu")
	var got taken
	peer := started(t, &Server{AETitle: "SPIKERAY", Store: got.store})
	host, port, _ := net.SplitHostPort(peer.Addr)
	paths := inEverySyntax(t)
	for _, c := range []struct{ option, have, want string }{
		{"-x=", dicom.ExplicitLittleEndian, dicom.ExplicitLittleEndian},
		{"-xi", dicom.ExplicitLittleEndian, dicom.ImplicitLittleEndian},
		{"-xs", dicom.JPEGLosslessSV1, dicom.JPEGLosslessSV1},
		{"-xy", dicom.JPEGBaseline, dicom.JPEGBaseline},
		{"-xx", dicom.JPEGExtended, dicom.JPEGExtended},
		{"-xv", dicom.JPEG2000Lossless, dicom.JPEG2000Lossless},
		{"-xw", dicom.JPEG2000, dicom.JPEG2000},
		{"-xt", dicom.JPEGLSLossless, dicom.JPEGLSLossless},
		{"-xu", dicom.JPEGLSNearLossless, dicom.JPEGLSNearLossless},
		{"-xr", dicom.RLELossless, dicom.RLELossless},
		{"-xd", dicom.DeflatedLittleEndian, dicom.ExplicitLittleEndian},
	} {
		for _, more := range [][]string{{"-R"}, {"-R", "-pdu", "4096"}, {}} {
			got.forget()
			runs(t, "storescu", append(append([]string{c.option, "-aec", "SPIKERAY"}, more...), host, port, paths[c.have])...)
			if list := got.all(); len(list) != 1 || list[0].Syntax != c.want && c.option != "-xd" {
				t.Errorf("%s %v: %d objects", c.option, more, len(list))
			}
		}
	}
}

// Objects that are not taken do not end the association.
func TestStorescuGoesOnBehindARefusal(t *testing.T) {
	tool(t, "storescu")
	var got taken
	peer := started(t, &Server{Store: got.store})
	host, port, _ := net.SplitHostPort(peer.Addr)
	dir := t.TempDir()
	var paths []string
	for _, class := range []string{dicom.CRImage, "1.2.840.10008.5.1.4.1.1.2", dicom.SecondaryCaptureImage} {
		data, err := dicom.EncodeFile(picture(class), dicom.ExplicitLittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, class+".dcm")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	out, _ := output(t, "storescu", append([]string{"-v", "-nh", host, port}, paths...)...)
	if list := got.all(); len(list) != 2 || !bytes.Contains([]byte(out), []byte("SOPClassNotSupported")) {
		t.Errorf("%d of 2 objects:\n%s", len(list), out)
	}
}

// storescp runs dcmtk's receiver for a test and gives the folder that it fills.
func storescp(t testing.TB, args ...string) (Peer, string) {
	t.Helper()
	path := tool(t, "storescp")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	dir := t.TempDir()
	var out bytes.Buffer
	cmd := exec.Command(path, append(args, "-od", dir, strconv.Itoa(port))...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("storescp: %s", &out)
		}
	})
	peer := Peer{Addr: fmt.Sprintf("127.0.0.1:%d", port), CalledAE: "PACS", CallingAE: "SPIKERAY", Timeout: 10 * time.Second}
	until(t, "storescp does not listen", func() bool {
		conn, err := net.Dial("tcp", peer.Addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return peer, dir
}

// received is the one file in a folder, which is removed.
func received(t testing.TB, dir string) *dicom.File {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(list) != 1 {
		t.Fatalf("%d files were received: %v", len(list), err)
	}
	defer os.Remove(list[0])
	return parsed(t, list[0])
}

func TestStorescpTakesEverySyntax(t *testing.T) {
	peer, dir := storescp(t, "-xf", profile(t, TransferSyntaxes()...), "Film", "+B", "-pdu", "4096")
	if err := Echo(context.Background(), peer); err != nil {
		t.Fatal(err)
	}
	for syntax, path := range inEverySyntax(t) {
		sent := parsed(t, path)
		if err := Store(context.Background(), peer, sent); err != nil {
			t.Errorf("%s: %v", dicom.NamedUID(syntax), err)
			continue
		}
		f := received(t, dir)
		if dicom.Encapsulated(syntax) && f.Syntax != syntax || dicom.Encapsulated(f.Syntax) != dicom.Encapsulated(syntax) {
			t.Errorf("%s arrived in %s", dicom.NamedUID(syntax), dicom.NamedUID(f.Syntax))
		}
		if diff := same(sent.Dataset, f.Dataset); diff != "" {
			t.Errorf("%s: %s", dicom.NamedUID(syntax), diff)
		}
	}
}

func TestStorescpTakesImplicitVROnly(t *testing.T) {
	peer, dir := storescp(t, "+xi", "+B")
	sent := file(picture(dicom.SecondaryCaptureImage))
	if err := Store(context.Background(), peer, sent); err != nil {
		t.Fatal(err)
	}
	if f := received(t, dir); f.Syntax != dicom.ImplicitLittleEndian || same(sent.Dataset, f.Dataset) != "" {
		t.Errorf("%s, %s", f.Syntax, same(sent.Dataset, f.Dataset))
	}
}

func TestStorescpFails(t *testing.T) {
	sent := file(picture(dicom.SecondaryCaptureImage))
	for _, option := range []string{"--refuse", "--abort-after", "--abort-during"} {
		peer, _ := storescp(t, option)
		if err := Store(context.Background(), peer, sent); err == nil {
			t.Errorf("%s: no error", option)
		} else {
			t.Logf("%s: %v (temporary: %v)", option, err, Temporary(err))
		}
	}
}

func TestTLSWithDCMTK(t *testing.T) {
	c := testcert.New(t)
	certificate, pool, key, cert := c.TLS, c.Pool, c.Key, c.Cert
	peer, dir := storescp(t, "+tls", key, cert, "+cf", cert)
	peer.TLS = &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}}
	if err := Store(context.Background(), peer, file(picture(dicom.SecondaryCaptureImage))); err != nil {
		t.Fatal(err)
	}
	received(t, dir)

	var got taken
	ours := started(t, &Server{Store: got.store, TLS: &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}})
	host, port, _ := net.SplitHostPort(ours.Addr)
	runs(t, "storescu", "+tls", key, cert, "+cf", cert, host, port, inEverySyntax(t)[dicom.ExplicitLittleEndian])
	if n := len(got.all()); n != 1 {
		t.Errorf("%d objects", n)
	}
}
