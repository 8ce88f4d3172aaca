import "wasm"

rule embedded_module
{
    meta:
        description = "a second WebAssembly module inside the file"
    strings:
        $header = { 00 61 73 6D 01 00 00 00 }
    condition:
        // The file itself begins with one; the modules of a component are its parts. What follows is a
        // section with something in it.
        uint32(4) == 1 and for any i in (1 .. #header) : (
            @header[i] > 8 and uint8(@header[i] + 8) <= 13 and uint8(@header[i] + 9) > 0
        )
}

rule embedded_elf
{
    meta:
        description = "an ELF file inside the module"
    strings:
        $header = { 7F 45 4C 46 (01 | 02) (01 | 02) 01 [9] (01 | 02 | 03) 00 }
    condition:
        $header
}

rule embedded_pe
{
    meta:
        description = "a PE file inside the module"
    strings:
        $stub = "This program cannot be run in DOS mode"
        $header = { 4D 5A [58-128] 50 45 00 00 (4C 01 | 64 86 | 64 AA) }
    condition:
        $stub or $header
}

rule embedded_script
{
    meta:
        description = "a script with an interpreter line inside the module"
    strings:
        $line = /#! ?\/(usr\/)?bin\/(env )?[a-z]{2,10}\n/
    condition:
        $line and wasm.is_valid == 1
}
