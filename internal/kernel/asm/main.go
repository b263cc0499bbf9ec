// Command asm writes the assembly of package kernel, and its Go declarations, with avo where it is for amd64. It is a module of its own so that
// the server does not depend on avo.
package main

import (
	"flag"
	"log"
	"os"
	"os/exec"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// parts are the assembly files for amd64; each is one idea for one tier.
var parts = map[string]func(){
	"int8_gather":            int8Gather,
	"int8_gather_avx512":     int8GatherAVX512,
	"int8_silent":            int8Silent,
	"int8_avx512vnni":        int8VNNI.spans,
	"int8_listed_avx512vnni": int8Listed,
	"int8_drive_avx512vnni":  int8Drive,
	"int8_narrow_avx512vnni": int8VNNI.narrow,
	"int8_avx512bw":          int8BW.spans,
	"int8_narrow_avx512bw":   int8BW.narrow,
	"int8_avx2":              int8AVX2.spans,
	"words_avx2":             wordsAVX2,
	"events_find_avx512":     findEvents,
	"events_avx512vnni":      eventsVNNI.rows,
	"events_avx512bw":        eventsBW.rows,
	"events_avx2":            eventsAVX2,
	"float32_avx512":         float32AVX512,
	"float32_narrow_avx512":  float32NarrowAVX512,
	"float32_ordered_avx512": float32OrderedAVX512,
	"float32_avx2":           float32AVX2,
	"float32s_avx2":          float32sAVX2,
	"neuron_avx2":            neuronAVX2,
	"bytes_avx2":             bytesAVX2,
	"neuron_avx512":          neuronAVX512,
	"bytes_avx512":           bytesAVX512,
	"greys_avx512":           greysAVX512,
	"translate_avx512vbmi":   translateVBMI,
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
	if err := neon("../neon_arm64.s", "../neon_stubs_arm64.go"); err != nil {
		log.Fatal(err)
	}
	for name := range parts {
		file := "../" + name
		cmd := exec.Command(self, "-part", name, "-out", file+"_amd64.s", "-stubs", file+"_stubs_amd64.go", "-pkg", "kernel")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
}

// vpdpbusd adds to each 32-bit lane of sum the four products of unsigned bytes of a and signed bytes of w. avo does
// not know the instruction; Go's assembler does.
func vpdpbusd(w operand.Op, a, sum reg.Register) {
	build.Instruction(&ir.Instruction{
		Opcode:   "VPDPBUSD",
		ISA:      []string{"AVX512VNNI"},
		Operands: []operand.Op{w, a, sum},
		Inputs:   []operand.Op{w, a, sum},
		Outputs:  []operand.Op{sum},
	})
}
