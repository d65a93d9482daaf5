; Stands in for bootmgfw.efi in the tests: says on the console what the firmware shows it.
;
; Build: nasm -f bin -o probe.efi probe.asm
;
; What it prints, all numbers in hexadecimal (no line is longer than 80 characters, where consoles wrap):
;
;   UEFI PROBE
;   loaded=\EFI\BOOT\BOOTX64.EFI                            by which name the firmware found it
;   from=1 id=00112233-4455-6677-8899-AABBCCDDEEFF          the partition that it came from
;   file=\EFI\Microsoft\Boot\BCD bytes=8000 fnv=89ABCDEF    FNV-1a of what the firmware's FAT driver reads
;   file=\EFI\Microsoft\Boot\bootmgfw.efi bytes=10E00 fnv=01234567
;   disk=… block=200 blocks=800000                          each disk with a GPT: its GUID, its size
;   partition=1 start=800 blocks=32000 id=…                 each partition that the firmware found
;   END OF PROBE
;
; or in the place of a line "failed=STATUS in WHAT", and nothing more of what depends on it. Then it
; halts; who has read it ends the machine.
;
; A PE32+ image for x86-64, subsystem 10. The offsets of tables and protocols are those of the UEFI
; specification 2.10: 4.3 (system table), 4.4 (boot services), 9.1 (loaded image), 10.3 (device paths),
; 13.4 and 13.5 (file systems), 13.9 (blocks).

        bits 64
        default rel

; PE/COFF 3. The file has the sections at multiples of 512, memory at multiples of 4096.
FILE_ALIGN      equ 512
PAGE            equ 4096

        section headers start=0 vstart=0
        dw "MZ"
        times 0x3C - ($ - $$) db 0
        dd pe - $$
        db "A probe for UEFI, not a program for DOS or Windows.", 13, 10
        align 8, db 0
pe:
        db "PE", 0, 0
        dw 0x8664, 3            ; x86-64, sections
        dd 0, 0, 0
        dw sections - optional
        dw 0x0022               ; executable, large addresses
optional:
        dw 0x20B
        db 0, 0
        dd TEXT_SIZE, DATA_SIZE + FILE_ALIGN, BSS_SIZE
        dd start, TEXT_AT
        dq 0x180000000
        dd PAGE, FILE_ALIGN
        dw 0, 0, 0, 0, 0, 0
        dd 0, IMAGE_SIZE, FILE_ALIGN * 2, 0
        dw 10, 0x0160           ; UEFI application; relocatable above 4 GiB, data are no code
        dq 0x10000, 0x1000, 0x10000, 0x1000
        dd 0, 16
        times 5 dq 0
        dd RELOC_AT, RELOC_SIZE
        times 10 dq 0
sections:
        db ".text", 0, 0, 0
        dd TEXT_SIZE, TEXT_AT, TEXT_SIZE, FILE_ALIGN * 2, 0, 0, 0, 0x60000020
        db ".data", 0, 0, 0
        dd BSS_AT + BSS_SIZE - DATA_AT, DATA_AT, DATA_SIZE, FILE_ALIGN * 2 + TEXT_SIZE, 0, 0, 0, 0xC0000040
        db ".reloc", 0, 0
        dd RELOC_SIZE, RELOC_AT, FILE_ALIGN, FILE_ALIGN * 2 + TEXT_SIZE + DATA_SIZE, 0, 0, 0, 0x42000040
        times FILE_ALIGN * 2 - ($ - $$) db 0

TEXT_AT         equ PAGE
DATA_AT         equ PAGE * 2
BSS_AT          equ PAGE * 3    ; the rest of .data, which the file does not have
RELOC_AT        equ PAGE * 5
IMAGE_SIZE      equ PAGE * 6

; Calls the function at an offset of the table or interface RAX. Arguments are in RCX, RDX, R8, R9 and
; the variable `fifth`; RAX, RCX, RDX and R8 to R11 are changed.
%macro firmware 1
        lea rax, [rax + %1]
        call call_firmware
%endmacro

; System table
CON_OUT         equ 0x40
BOOT_SERVICES   equ 0x60
; Boot services
HANDLE_PROTOCOL equ 0x98
LOCATE_HANDLES  equ 0x138
; Protocols
OUTPUT_STRING   equ 0x08
LOADED_DEVICE   equ 0x18
LOADED_PATH     equ 0x20
OPEN_VOLUME     equ 0x08
FILE_OPEN       equ 0x08
FILE_READ       equ 0x20
BLOCK_MEDIA     equ 0x08
BLOCK_READ      equ 0x18
MEDIA_PARTITION equ 0x06
MEDIA_BLOCK     equ 0x0C
MEDIA_LAST      equ 0x18
; Device path nodes: type, subtype, length
NODE_DRIVE      equ 0x0104
NODE_FILE       equ 0x0404
NODE_END        equ 0x7F
NODE_LENGTH     equ 0x02
DRIVE_NUMBER    equ 0x04
DRIVE_START     equ 0x08
DRIVE_BLOCKS    equ 0x10
DRIVE_ID        equ 0x18
FILE_NAME       equ 0x04

        section .text start=0x400 vstart=TEXT_AT

start:
        mov [image], rcx
        mov [system], rdx
        lea rdi, [line]
        lea rsi, [text.title]
        call put_text
        call end_line

        mov rcx, [image]
        lea rdx, [guid.loaded_image]
        call protocol
        jc .disks
        mov rbx, rax
        call show_name
        mov rcx, [rbx + LOADED_DEVICE]
        call find_drive
        jc .files
        call show_origin
.files:
        mov rcx, [rbx + LOADED_DEVICE]
        call open_volume
        jc .disks
        lea rcx, [name.store]
        call show_file
        lea rcx, [name.manager]
        call show_file
.disks:
        call show_disks
        lea rsi, [text.end]
        call put_text
        call end_line
.halt:
        hlt                     ; until the firmware's timer, for ever
        jmp .halt

; The name in the loaded image RBX.
show_name:
        lea rsi, [text.loaded]
        call put_text
        mov rdx, [rbx + LOADED_PATH]
.node:
        cmp byte [rdx], NODE_END
        je end_line
        cmp word [rdx], NODE_FILE
        jne .next
        lea rsi, [rdx + FILE_NAME]
        call put_wide
.next:
        movzx eax, word [rdx + NODE_LENGTH]
        add rdx, rax
        jmp .node

; The partition of the node RDX, in short.
show_origin:
        lea rsi, [text.from]
        call put_text
        mov eax, [rdx + DRIVE_NUMBER]
        call put_hex
        lea rsi, [text.id]
        call put_text
        lea rsi, [rdx + DRIVE_ID]
        call put_guid
        jmp end_line

; Lets `root` be the root directory of the volume on the handle RCX. CF if that fails.
open_volume:
        lea rdx, [guid.file_system]
        call protocol
        jc .end
        mov rcx, rax
        lea rdx, [root]
        firmware OPEN_VOLUME
        lea rsi, [text.open_volume]
        call failed
.end:
        ret

; Reads the file with the name RCX to its end.
show_file:
        push rbx
        push r12
        push r13
        mov r12, rcx
        mov r8, rcx
        mov rcx, [root]
        lea rdx, [file]
        mov r9d, 1              ; for reading
        and qword [fifth], 0
        mov rax, rcx
        firmware FILE_OPEN
        lea rsi, [text.open]
        call failed
        jc .end
        xor r13d, r13d          ; bytes so far
        mov ebx, 0x811C9DC5     ; FNV-1a of them
.read:
        mov qword [length], BUFFER
        mov rcx, [file]
        lea rdx, [length]
        lea r8, [buffer]
        mov rax, rcx
        firmware FILE_READ
        lea rsi, [text.read]
        call failed
        jc .end
        mov rcx, [length]
        jrcxz .whole
        add r13, rcx
        lea rsi, [buffer]
.byte:
        movzx eax, byte [rsi]
        inc rsi
        xor ebx, eax
        imul ebx, ebx, 0x01000193
        dec rcx
        jnz .byte
        jmp .read
.whole:
        lea rsi, [text.file]
        call put_text
        mov rsi, r12
        call put_wide
        lea rsi, [text.bytes]
        call put_text
        mov rax, r13
        call put_hex
        lea rsi, [text.fnv]
        call put_text
        mov eax, ebx
        mov ecx, 8
        call put_digits
        call end_line
.end:
        pop r13
        pop r12
        pop rbx
        ret

; Everything that has blocks: disks and partitions.
show_disks:
        mov ecx, 2              ; by protocol
        lea rdx, [guid.block_io]
        xor r8d, r8d
        lea r9, [count]
        lea rax, [handles]
        mov [fifth], rax
        mov rax, [system]
        mov rax, [rax + BOOT_SERVICES]
        firmware LOCATE_HANDLES
        lea rsi, [text.handles]
        call failed
        jc .end
        mov rbx, [handles]
.handle:
        dec qword [count]
        js .end
        mov rcx, [rbx]
        lea rdx, [guid.block_io]
        call protocol
        jc .next
        mov rdx, [rax + BLOCK_MEDIA]
        cmp byte [rdx + MEDIA_PARTITION], 0
        jne .partition
        call show_disk
        jmp .next
.partition:
        mov rcx, [rbx]
        call find_drive
        jc .next
        call show_partition
.next:
        add rbx, 8
        jmp .handle
.end:
        ret

; The disk with the block interface RAX and the medium RDX, if its second block is the header of a GPT
; (5.3.2).
show_disk:
        push rbx
        mov rbx, rdx
        mov rcx, rax
        mov r9d, [rbx + MEDIA_BLOCK]
        cmp r9d, BUFFER
        ja .end
        lea rdx, [buffer]
        mov [fifth], rdx
        mov edx, [rbx]          ; the medium's number
        mov r8d, 1
        firmware BLOCK_READ
        test rax, rax
        js .end                 ; a drive without a medium
        mov rax, "EFI PART"
        cmp [buffer], rax
        jne .end
        lea rsi, [text.disk]
        call put_text
        lea rsi, [buffer + 0x38]
        call put_guid
        lea rsi, [text.block]
        call put_text
        mov eax, [rbx + MEDIA_BLOCK]
        call put_hex
        lea rsi, [text.blocks]
        call put_text
        mov rax, [rbx + MEDIA_LAST]
        inc rax
        call put_hex
        call end_line
.end:
        pop rbx
        ret

; The partition of the node RDX.
show_partition:
        lea rsi, [text.partition]
        call put_text
        mov eax, [rdx + DRIVE_NUMBER]
        call put_hex
        lea rsi, [text.start]
        call put_text
        mov rax, [rdx + DRIVE_START]
        call put_hex
        lea rsi, [text.blocks]
        call put_text
        mov rax, [rdx + DRIVE_BLOCKS]
        call put_hex
        lea rsi, [text.id]
        call put_text
        lea rsi, [rdx + DRIVE_ID]
        call put_guid
        jmp end_line

; RDX = the hard drive node in the device path of the handle RCX. CF if there is none.
find_drive:
        lea rdx, [guid.device_path]
        call protocol
        jc .end
        mov rdx, rax
.node:
        cmp byte [rdx], NODE_END
        je .none
        cmp word [rdx], NODE_DRIVE
        je .end                 ; equal: without carry
        movzx eax, word [rdx + NODE_LENGTH]
        add rdx, rax
        jmp .node
.none:
        stc
.end:
        ret

; RAX = the protocol RDX of the handle RCX. CF if it has none, after a line.
protocol:
        lea r8, [interface]
        mov rax, [system]
        mov rax, [rax + BOOT_SERVICES]
        firmware HANDLE_PROTOCOL
        lea rsi, [text.protocol]
        call failed
        mov rax, [interface]
        ret

; A line, and CF, if the status RAX of what RSI names is an error: those have the highest bit.
failed:
        bt rax, 63
        jnc .end
        push rsi
        lea rsi, [text.failed]
        call put_text
        call put_hex
        lea rsi, [text.in]
        call put_text
        pop rsi
        call put_text
        call end_line
        stc
.end:
        ret

call_firmware:
        push rbp
        mov rbp, rsp
        and rsp, -16
        sub rsp, 0x30           ; four places for the callee, one argument
        mov r10, [fifth]
        mov [rsp + 0x20], r10
        call [rax]
        mov rsp, rbp
        pop rbp
        ret

; The routines below write to the line at RDI. They change RCX, RSI, R8, R9 and, but for put_text, RAX.

; The ASCII text at RSI.
put_text:
        push rax
.next:
        lodsb
        test al, al
        jz .end
        call put
        jmp .next
.end:
        pop rax
        ret

; The UTF-16 text at RSI.
put_wide:
        lodsw
        test ax, ax
        jz .end
        stosw
        jmp put_wide
.end:
        ret

; RAX without leading zeros.
put_hex:
        xor ecx, ecx
        mov r8, rax
.count:
        inc ecx
        shr r8, 4
        jnz .count
        ; on to put_digits

; The last ECX digits of RAX.
put_digits:
        shl ecx, 2
        ror rax, cl             ; the first is the highest now
        shr ecx, 2
        lea r9, [text.digits]
.digit:
        rol rax, 4
        mov r8, rax
        and eax, 15
        mov al, [r9 + rax]
        call put
        mov rax, r8
        loop .digit
        ret

; The GUID at RSI. Its first three numbers are little-endian.
put_guid:
        push rdx
        mov rdx, rsi
        mov eax, [rdx]
        mov ecx, 8
        call put_digits
        movzx eax, word [rdx + 4]
        call .group
        movzx eax, word [rdx + 6]
        call .group
        mov rax, [rdx + 8]
        bswap rax
        rol rax, 16
        call .group
        mov rax, [rdx + 8]
        bswap rax
        mov ecx, 12
        call .digits
        pop rdx
        ret
.group:
        mov ecx, 4
.digits:
        push rax
        mov al, "-"
        call put
        pop rax
        jmp put_digits

; The character AL. Changes AH.
put:
        mov ah, 0
        stosw
        ret

; Prints the line and begins another.
end_line:
        mov dword [rdi], 0x000A000D
        mov word [rdi + 4], 0
        lea rdi, [line]
        mov rdx, rdi
        mov rax, [system]
        mov rax, [rax + CON_OUT]
        mov rcx, rax
        firmware OUTPUT_STRING
        ret

        align FILE_ALIGN, db 0xCC
TEXT_SIZE       equ $ - $$

        section .data follows=.text vstart=DATA_AT align=512

guid:
.loaded_image:
        dd 0x5B1B31A1
        dw 0x9562, 0x11D2
        db 0x8E, 0x3F, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B
.device_path:
        dd 0x09576E91
        dw 0x6D3F, 0x11D2
        db 0x8E, 0x39, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B
.file_system:
        dd 0x964E5B22
        dw 0x6459, 0x11D2
        db 0x8E, 0x39, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B
.block_io:
        dd 0x964E5B21
        dw 0x6459, 0x11D2
        db 0x8E, 0x39, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B

name:
.store:         dw __?utf16?__("\EFI\Microsoft\Boot\BCD"), 0
.manager:       dw __?utf16?__("\EFI\Microsoft\Boot\bootmgfw.efi"), 0

text:
.title:         db "UEFI PROBE", 0
.loaded:        db "loaded=", 0
.from:          db "from=", 0
.file:          db "file=", 0
.bytes:         db " bytes=", 0
.fnv:           db " fnv=", 0
.disk:          db "disk=", 0
.block:         db " block=", 0
.blocks:        db " blocks=", 0
.partition:     db "partition=", 0
.start:         db " start=", 0
.id:            db " id=", 0
.end:           db "END OF PROBE", 0
.failed:        db "failed=", 0
.in:            db " in ", 0
.protocol:      db "HandleProtocol", 0
.handles:       db "LocateHandleBuffer", 0
.open_volume:   db "OpenVolume", 0
.open:          db "Open", 0
.read:          db "Read", 0
.digits:        db "0123456789ABCDEF"

        align FILE_ALIGN, db 0
DATA_SIZE       equ $ - $$

        section .reloc follows=.data vstart=RELOC_AT align=512
; There is nothing to relocate; some loaders want the table none the less. An empty block.
reloc:
        dd TEXT_AT, 12
        dw 0, 0
RELOC_SIZE      equ $ - reloc
        align FILE_ALIGN, db 0

        section .bss nobits start=BSS_AT
image:          resq 1
system:         resq 1
root:           resq 1
file:           resq 1
interface:      resq 1
handles:        resq 1
count:          resq 1
length:         resq 1
fifth:          resq 1
line:           resw 0x400      ; a name from a device path is as long as the firmware made it
        alignb PAGE             ; as aligned as disks may ask for
BUFFER          equ PAGE
buffer:         resb BUFFER
BSS_SIZE        equ $ - $$
