// Command asm writes the assembly of package lumajpeg, and its Go declarations, with avo. It is a module of its own so
// that the server does not depend on avo.
package main

import "github.com/mmcloughlin/avo/build"

func main() {
	build.ConstraintExpr("amd64,!purego")
	inverse8x8()
	inverse4x4()
	inverse16x8()
	quickBlocks()
	build.Generate()
}
