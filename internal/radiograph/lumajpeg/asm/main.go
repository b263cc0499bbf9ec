// Command asm writes the assembly of package lumajpeg, and its Go declarations, with avo. It is a module of its own so
// that the server does not depend on avo.
package main

import (
	"flag"
	"log"
	"os"
	"os/exec"

	"github.com/mmcloughlin/avo/build"
)

// parts are the assembly files.
var parts = map[string]func(){
	"idct_avx2":  inverses,
	"pairs_bmi2": takePairs,
}

// main runs itself for every part, as avo writes one file in a process.
func main() {
	part := flag.String("part", "", "the one file to write; all without it")
	flag.Parse()
	if *part != "" {
		build.ConstraintExpr("amd64,!purego")
		parts[*part]()
		build.Generate()
		return
	}
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	for name := range parts {
		file := "../" + name
		cmd := exec.Command(self, "-part", name, "-out", file+"_amd64.s", "-stubs", file+"_stubs_amd64.go", "-pkg", "lumajpeg")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
}

func inverses() {
	inverse8x8()
	inverse4x4()
}
