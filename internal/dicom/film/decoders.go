package film

// decoders are the codecs by transfer syntax.
var decoders = map[string]*decoder{}
