; NTFS boot record: finds \bootmgr in the volume that it is the start of, loads it and runs it.
;
; Build: nasm -f bin -o ntfs.bin ntfs.asm
; The parts in ntfs/ are included here.
;
; The master boot record puts the first of our 16 sectors to 0000:7C00. That one knows how to read
; disks: it makes sure where its volume begins and reads the other 15 behind itself. They know NTFS.
;
; What bootmgr expects (as GRUB's "ntldr" and Syslinux's "chain.c32 ntldr=" start it):
;
;   2000:0000  the whole file, entered at its first byte in real mode
;   0000:7C00  our first sector with the volume's parameters, where true are
;              7C1C  the disk's sector where the volume begins
;              7C24  the drive's number
;   DS ES FS GS SS = 0, SP = 7C00, DL = the drive's number, A20 on, interrupts on
;
; Memory:
;
;   00000 +-----------------------------+
;   00600 | the master boot record      |  DS:SI points into it when we start
;   07C00 | these 16 sectors            |  the stack is below
;   09C00 | variables                   |
;   0A000 | file record: the base       |  up to 4 KiB
;   0B000 | file record: an extension   |  up to 4 KiB
;   10000 | runs of a file              |  4096 of 16 bytes: the root's index, then bootmgr
;   20000 | bootmgr                     |  before that: an attribute list (up to 256 KiB),
;         |                             |  or an index block (up to 32 KiB)
;   60000 | runs of $MFT                |  8192 of 16 bytes; bootmgr may overwrite them when it
;   80000 |                             |  is found
;         +-----------------------------+  what INT 12h says
;
; Every structure that is read from the disk lies at offset 0 of a segment, which ES holds, and all
; sizes and offsets in it are checked before use: a damaged volume ends in a message.
;
; Not read: sectors of other than 512 bytes (no BIOS starts such disks), files of more than 4096 and
; $MFT of more than 8192 fragments, records of more than 4 KiB, index blocks of more than 32 KiB.
; A bootmgr that is compressed, encrypted, sparse or behind a reparse point is refused by name.
;
; NTFS has no public specification. Offsets are those of the crate nanovhd-ntfs, ../../../ntfs/src/format.rs.

        bits 16
        cpu 386
        org 0x7C00

RECORD          equ 512 * 16            ; bytes of the whole boot record
BASE            equ 0x0A00              ; segments of the memory map above
EXTENSION       equ 0x0B00
FILE_RUNS       equ 0x1000
FILE_RUNS_END   equ 0x2000
BOOTMGR         equ 0x2000
MFT_RUNS        equ 0x6000
MFT_RUNS_END    equ 0x8000
NEEDED_KIB      equ 0x80000 / 1024      ; up to the end of MFT_RUNS
LIST_MAX        equ 0x40000             ; NTFS allows no longer attribute list
RECORD_MAX      equ 4096 / 512
BLOCK_MAX       equ 32768 / 512
DEPTH_MAX       equ 32                  ; no B+ tree in 2^32 blocks is deeper
TRIES           equ 5

; The parameters in our first sector.
sector_bytes    equ 0x7C0B
cluster_code    equ 0x7C0D
hidden          equ 0x7C1C
drive           equ 0x7C24
parameters      equ 0x7C28              ; from here to 7C53: total sectors, $MFT, $MFTMirr, sizes, serial
mft_cluster     equ 0x7C30
record_code     equ 0x7C40

; Attribute types.
A_LIST          equ 0x20
A_DATA          equ 0x80
A_ROOT          equ 0x90
A_ALLOCATION    equ 0xA0
A_REPARSE       equ 0xC0

; The names of attributes that we look for.
UNNAMED         equ 0
I30             equ 1

; A stream's clusters, gathered from its run lists: a table of entries of 16 bytes, each +0 the
; disk's sector (64 bits), +8 a count of sectors (32 bits). As an entry is as long as a segment
; step, entry n is at segment FIRST + n, offset 0.
struc stream
.first          resw 1                  ; segment of the first entry
.next           resw 1                  ; segment behind the last entry
.limit          resw 1                  ; segment behind the table
                resw 1
.sectors        resd 1                  ; sectors in all entries
endstruc

%include "ntfs/sector0.asm"

; Sectors 1 to 15 begin here.

ntfs:
        xor ax, ax
        mov es, ax
        call open_a20
        call measure
        call open_mft
        call find_bootmgr               ; EAX = record, DX = its sequence number
        call open_file
        call check_bootmgr
        call load_bootmgr

        xor eax, eax
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        cli
        mov ss, ax
        mov sp, 0x7C00
        sti
        movzx edx, byte [drive]
        xor ebx, ebx
        xor ecx, ecx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        jmp BOOTMGR:0

open_a20:
        mov ax, 0x2401                  ; the BIOS may know how
        int 0x15
        jnc .end
        in al, 0x92                     ; most chip sets since the PS/2
        or al, 2
        and al, 0xFE                    ; bit 0 would reset the machine
        out 0x92, al
.end:
        ret

; Checks and keeps the measures of machine and volume.
measure:
        int 0x12                        ; AX = KiB below the BIOS's own data
        mov si, no_memory
        cmp ax, NEEDED_KIB
        jb fail
        movzx eax, ax
        shl eax, 10
        sub eax, BOOTMGR << 4
        mov [room], eax

        mov si, no_sector
        cmp word [sector_bytes], 512
        jne fail

        mov al, [cluster_code]
        cmp al, 0x80
        ja .power
        movzx ax, al
        bsf cx, ax
        jz damaged
        mov dx, 1
        shl dx, cl
        cmp ax, dx
        jne damaged
        jmp .cluster
.power:
        neg al                          ; 2^(256 - code) sectors
        mov cl, al
        cmp cl, 16
        ja damaged
.cluster:
        mov [cluster_shift], cl

        mov al, [record_code]
        test al, al
        js .bytes
        movzx eax, al                   ; whole clusters
        shl eax, cl
        jmp .record
.bytes:
        neg al                          ; 2^-code bytes
        mov cl, al
        sub cl, 9
        jb damaged
        cmp cl, 15
        ja damaged
        mov eax, 1
        shl eax, cl
.record:
        cmp eax, RECORD_MAX
        ja damaged
        bsf ecx, eax
        jz damaged
        mov [record_shift], cl
        mov edx, 1
        shl edx, cl
        cmp eax, edx
        jne damaged
        mov [record_sectors], eax
        shl eax, 9
        mov [record_bytes], eax
        ret

damaged:
        mov si, is_damaged
        jmp fail

; Gathers the clusters of $MFT. Its first record is at the cluster that the first sector names; if
; more records are needed to describe it, they are in the part that is already known.
open_mft:
        mov word [mft + stream.first], MFT_RUNS
        mov word [mft + stream.limit], MFT_RUNS_END
        mov word [file + stream.first], FILE_RUNS
        mov word [file + stream.limit], FILE_RUNS_END
        mov bp, mft
        call clear_stream
        mov eax, [mft_cluster]
        mov edx, [mft_cluster+4]
        call to_disk
        mov ecx, [record_sectors]
        call add_run
        xor eax, eax
        xor dx, dx
        call open_file
        mov eax, A_DATA
        mov dl, UNNAMED
        mov bp, mft
        call gather
        jc damaged
        cmp word [mft + stream.next], MFT_RUNS
        je damaged                      ; resident, so not what it should be
        ret

%include "ntfs/directory.asm"
%include "ntfs/bootmgr.asm"
%include "ntfs/records.asm"
%include "ntfs/streams.asm"

name:           db "BOOTMGR", 0

no_memory:      db "This machine has too little memory below 640 KiB.", 0
no_sector:      db "The boot volume's sectors don't have 512 bytes.", 0
no_file:        db "\bootmgr is missing.", 0
is_damaged:     db "The boot volume's file system is damaged.", 0
is_fragmented:  db "\bootmgr, the root directory or $MFT is in too many pieces.", 0
is_directory:   db "\bootmgr is a directory.", 0
is_reparse:     db "\bootmgr is a link or compressed by WOF.", 0
is_encrypted:   db "\bootmgr is encrypted.", 0
is_compressed:  db "\bootmgr is compressed.", 0
is_sparse:      db "\bootmgr is sparse.", 0
is_too_big:     db "\bootmgr is too big.", 0
is_empty:       db "\bootmgr is empty.", 0

        times RECORD - ($ - $$) db 0    ; NASM fails if the code is longer

; Variables are not in the file, and hold anything when it starts.

        absolute 0x9C00

base:           resd 1                  ; the disk's sector where the volume begins
room:           resd 1                  ; bytes for bootmgr
cluster_shift:  resb 1                  ; a cluster is 2^this sectors
record_shift:   resb 1                  ; and a record
block_shift:    resb 1                  ; and what index blocks are numbered by
depth:          resb 1                  ; how much deeper the tree may be
record_sectors: resd 1
record_bytes:   resd 1
block_sectors:  resd 1

file_number:    resd 1                  ; the open file's base record
list_bytes:     resd 1                  ; its attribute list, at BOOTMGR:0; 0 if it has none
list_at:        resd 1                  ; the next entry
type:           resd 1                  ; what gather looks for
named:          resb 1
pieces:         resb 1                  ; whether it has found one
by_instance:    resb 1
resident:       resb 1                  ; of the last attribute that was found
instance:       resw 1
flags:          resw 1                  ; 00FF compressed, 4000 encrypted, 8000 sparse
value_segment:  resw 1
value_offset:   resw 1
runs_end:       resw 1
                resw 1
size:           resd 2
initialized:    resd 2
cluster:        resd 2

mft:            resb stream_size
file:           resb stream_size
other:          resb stream_size        ; has no room: for what is always resident
