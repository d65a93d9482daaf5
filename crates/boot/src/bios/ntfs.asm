; NTFS boot record: finds \bootmgr in the volume that it is the start of, loads it and runs it.
;
; Build: nasm -f bin -o ntfs.bin ntfs.asm
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
; NTFS has no public specification. Offsets are those of ../../../ntfs/src/format.rs.

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

; ---------------------------------------------------------------------------------- sector 0

start:
        jmp short code
        nop
        times 0x54 - ($ - $$) db 0      ; the volume's own; see BootSector in format.rs

code:
        cli
        xor ax, ax
        mov ss, ax
        mov sp, 0x7C00
        sti
        cld
        mov ebx, [si+8]                 ; what the master boot record says is our first sector
        mov ds, ax
        mov es, ax
        jmp 0:normal                    ; some start us at 07C0:0000

normal:
        test dl, dl
        js .drive
        mov dl, 0x80
.drive:
        mov [drive], dl
        mov [base], ebx
        mov ah, 0x41                    ; INT 13h extensions there?
        mov bx, 0x55AA
        int 0x13
        mov si, no_lba
        jc fail
        cmp bx, 0xAA55
        jne fail
        test cl, 1                      ; the part of them that reads by LBA
        jz fail

        ; An MBR that is not ours may leave anything at DS:SI, and a program that formats a volume
        ; without knowing its disk leaves anything in the parameters. So look.
        call is_ours
        je found
        mov eax, [hidden]
        mov [base], eax
        call is_ours
        mov si, no_volume
        jne fail
found:
        mov eax, [base]
        mov [hidden], eax               ; bootmgr believes this and the drive
        inc eax
        mov [packet.sector], eax
        mov ecx, 15
        mov ax, 0x07E0
        mov es, ax
        call read_disk
        jc disk_error
        jmp ntfs

; ZF = 1 if the disk's sector [base] has the parameters of this boot record.
is_ours:
        mov eax, [base]
        mov [packet.sector], eax
        mov ax, BASE
        mov es, ax
        mov ecx, 1
        push es
        call read_disk
        pop es
        jc .no
        mov si, parameters
        mov di, parameters - 0x7C00
        mov cx, (0x54 - 0x28) / 2
        repe cmpsw
        ret
.no:
        test sp, sp                     ; never zero
        ret

; Reads ECX sectors from the disk's sector [packet.sector] on to ES:0; ES must be a multiple of 20h.
; CF = 1 on an error. Changes ES and [packet.sector] to what follows.
read_disk:
        pushad
.next:
        mov ax, es                      ; sectors up to the next 64 KiB, which DMA can't cross
        shr ax, 5
        and eax, 127
        mov ebx, 128
        sub bx, ax
        cmp bx, 64                      ; more at once than some BIOSes can
        jbe .fits
        mov bx, 64
.fits:
        cmp ebx, ecx
        jbe .part
        mov ebx, ecx
.part:
        mov bp, TRIES
.try:
        mov [packet.count], bx
        mov [packet.segment], es
        mov si, packet
        mov ah, 0x42
        call int13
        jnc .ok
        xor ah, ah                      ; reset
        call int13
        dec bp
        jnz .try
        stc
        jmp .end
.ok:
        add [packet.sector], ebx
        adc dword [packet.sector+4], 0
        mov ax, bx
        shl ax, 5
        mov dx, es
        add ax, dx
        mov es, ax
        sub ecx, ebx
        jnz .next                       ; CF = 0
.end:
        popad
        ret

; A BIOS may return with other registers than it should.
int13:
        pushad
        push es
        mov dl, [drive]
        int 0x13
        pop es
        popad
        ret

disk_error:
        mov si, no_read
; Prints the text at SI and starts the machine anew after a key.
fail:
        push cs                         ; zero
        pop ds
        call print
        mov si, press
        call print
        xor ah, ah
        int 0x16
        int 0x19
.halt:
        hlt
        jmp .halt

print:
        lodsb
        test al, al
        jz .end
        mov ah, 0x0E
        mov bx, 7
        int 0x10
        jmp print
.end:
        ret

; Disk address packet of INT 13h AH=42h.
packet:         db 16, 0
.count:         dw 0
.offset:        dw 0
.segment:       dw 0
.sector:        dd 0, 0

no_lba:         db "The BIOS has no LBA.", 0
no_volume:      db "Boot volume not found.", 0
no_read:        db "Disk read error.", 0
press:          db 13, 10, "Press a key to restart.", 13, 10, 0

        times 510 - ($ - $$) db 0
        dw 0xAA55

; ---------------------------------------------------------------------------- sectors 1 to 15

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

; ------------------------------------------------------------------------- the root directory

; Searches the root directory's B+ tree. EAX = bootmgr's record, DX = its sequence number.
find_bootmgr:
        mov eax, 5                      ; the root directory's record
        xor dx, dx
        call open_file
        mov eax, A_ALLOCATION           ; its blocks; a small directory has none
        mov dl, I30
        mov bp, file
        call gather
        mov eax, A_ROOT                 ; the top node, in a record
        mov dl, I30
        mov bp, other
        mov word [other + stream.first], FILE_RUNS_END
        mov word [other + stream.limit], FILE_RUNS_END
        call gather
        jc damaged
        cmp byte [resident], 0
        je damaged
        cmp dword [size], 0x20
        jb damaged
        mov es, [value_segment]
        mov bx, [value_offset]

        mov eax, [es:bx+8]              ; bytes of a block
        test eax, 511
        jnz damaged
        shr eax, 9
        jz damaged
        cmp eax, BLOCK_MAX
        ja damaged
        mov [block_sectors], eax
        ; Blocks are numbered by their first cluster, or in units of 512 bytes if a cluster is larger.
        mov cl, [cluster_shift]
        mov edx, 1
        shl edx, cl
        cmp edx, eax
        jbe .unit
        xor cl, cl
.unit:
        mov [block_shift], cl
        mov byte [depth], DEPTH_MAX
        mov dx, bx
        add dx, [size]
        add bx, 0x10

; ES:BX = header of a node (+0 offset of the first entry, +4 of the end of entries), DX = the end
; of what may hold it.
.node:
        movzx ecx, dx
        sub cx, bx
        mov eax, [es:bx+4]
        cmp eax, ecx
        ja damaged
        mov dx, bx
        add dx, ax                      ; the end of the entries
        mov eax, [es:bx]
        cmp eax, ecx
        ja damaged
        mov si, bx
        add si, ax

; ES:SI = entry: +0 record and sequence number, +8 length, +A length of the name's attribute,
; +C flags (1 has a child, 2 is the last), +50 units of the name, +52 the name.
.entry:
        mov cx, dx
        sub cx, si
        jb damaged
        cmp cx, 0x10
        jb damaged
        mov bx, [es:si+8]
        cmp bx, 0x10
        jb damaged
        cmp bx, cx
        ja damaged
        test byte [es:si+0x0C], 2
        jnz .down
        cmp bx, 0x52
        jb damaged
        movzx ax, byte [es:si+0x50]
        shl ax, 1
        add ax, 0x52
        cmp ax, bx
        ja damaged
        call compare
        je .found
        jb .down
        add si, bx
        jmp .entry

; What we look for comes before this entry: in its child, if it has one.
.down:
        test byte [es:si+0x0C], 1
        jz .missing
        cmp bx, 0x18
        jb damaged
        cmp dword [es:si+bx-4], 0
        jne damaged
        mov eax, [es:si+bx-8]           ; the child's number
        dec byte [depth]
        jz damaged
        call read_block
        mov dx, cx
        mov bx, 0x18
        jmp .node

.found:
        mov eax, [es:si]
        mov dx, [es:si+6]
        cmp word [es:si+4], 0           ; records have 48 bits, but nobody has so many
        jne damaged
        ret

.missing:
        mov si, no_file
        jmp fail

; Reads index block EAX to BOOTMGR:0, where ES then points. CX = its bytes.
read_block:
        mov edi, eax
        mov cl, [block_shift]
        shl eax, cl
        mov ebx, eax
        shr ebx, cl
        cmp ebx, edi
        jne damaged
        mov bx, BOOTMGR
        mov es, bx
        mov ecx, [block_sectors]
        mov bp, file
        call read_stream
        cmp dword [es:0], "INDX"
        jne damaged
        cmp [es:0x10], edi              ; a block says which it is
        jne damaged
        mov cx, [block_sectors]
        call restore
        shl cx, 9
        ret

; Compares the name that we look for with that of the entry at ES:SI, as NTFS sorts names. Only
; ASCII letters have two cases here: no table that Windows has used makes a letter of "BOOTMGR" of
; anything else. ZF = 1: equal; CF = 1: ours comes first.
compare:
        pusha
        movzx cx, byte [es:si+0x50]
        lea di, [si+0x52]
        mov bx, name
.unit:
        movzx ax, byte [bx]
        test al, al
        jz .ours_ends
        jcxz .theirs_ends
        mov dx, [es:di]
        cmp dx, "a"
        jb .folded
        cmp dx, "z"
        ja .folded
        sub dx, "a" - "A"
.folded:
        cmp ax, dx
        jne .end
        inc bx
        inc di
        inc di
        dec cx
        jmp .unit
.ours_ends:
        cmp ax, cx                      ; AX = 0: equal, or ours is the start of theirs
        jmp .end
.theirs_ends:
        test al, al                     ; not zero, no carry: ours comes later
.end:
        popa
        ret

; ------------------------------------------------------------------------------------ bootmgr

; Refuses what is no plain file, and keeps the places of its data.
check_bootmgr:
        mov si, is_directory
        test byte [es:0x16], 2
        jnz fail
        mov eax, A_REPARSE
        mov dl, UNNAMED
        mov bp, file
        call gather
        mov si, is_reparse
        jnc fail
        mov eax, A_DATA
        mov dl, UNNAMED
        call gather
        jc damaged
        mov ax, [flags]
        mov si, is_encrypted
        test ah, 0x40
        jnz fail
        mov si, is_compressed
        test al, al
        jnz fail
        mov si, is_sparse
        test ah, 0x80
        jnz fail
        mov si, is_too_big
        cmp dword [size+4], 0
        jne fail
        mov eax, [size]
        cmp eax, [room]                 ; whole KiB, so the last sector fits as well
        ja fail
        mov si, is_empty
        test eax, eax
        jz fail
        ret

; Loads its data to BOOTMGR:0, zeros behind them up to the end of the last sector.
load_bootmgr:
        mov ax, BOOTMGR
        mov es, ax
        mov ecx, [size]
        cmp byte [resident], 0
        je .clusters
        mov si, [value_offset]
        mov ds, [value_segment]
        xor di, di
        rep movsb
        push cs
        pop ds
        mov ecx, [size]
        jmp .zero                       ; all of it is initialized
.clusters:
        add ecx, 511
        shr ecx, 9
        xor eax, eax
        mov bp, file
        call read_stream
        mov ecx, [size]
        cmp dword [initialized+4], 0
        jne .zero
        cmp ecx, [initialized]
        jbe .zero
        mov ecx, [initialized]
.zero:                                  ; ECX = how many bytes are true
        mov edx, [size]
        add edx, 511
        and edx, ~511
.byte:
        cmp ecx, edx
        jae .end
        mov eax, ecx
        shr eax, 4
        add ax, BOOTMGR
        mov es, ax
        mov di, cx
        and di, 15
        mov byte [es:di], 0
        inc ecx
        jmp .byte
.end:
        ret

; ------------------------------------------------------------------------ records, attributes

; Reads base record EAX to BASE:0, where ES then points, and the file's attribute list if it has one.
; DX = the sequence number that the record should have, 0 if it doesn't matter.
open_file:
        mov [file_number], eax
        mov bx, BASE
        mov es, bx
        call read_record
        test dx, dx
        jz .current
        cmp dx, [es:0x10]
        jne damaged
.current:
        mov eax, [es:0x20]              ; an extension names its base
        or eax, [es:0x24]
        jnz damaged

        mov dword [list_bytes], 0
        mov byte [by_instance], 0
        mov eax, A_LIST
        mov dl, UNNAMED
        call find_attribute
        jc .end
        mov bp, file
        call clear_stream
        call keep_piece
        mov eax, [size]
        cmp dword [size+4], 0
        jne damaged
        cmp eax, LIST_MAX
        ja damaged
        test eax, eax
        jz damaged
        mov [list_bytes], eax
        push es
        mov ecx, eax
        cmp byte [resident], 0
        je .clusters
        mov si, [value_offset]
        mov bx, BOOTMGR
        mov es, bx
        push ds
        mov bx, BASE
        mov ds, bx
        xor di, di
        rep movsb
        pop ds
        jmp .read
.clusters:
        mov bx, BOOTMGR
        mov es, bx
        add ecx, 511
        shr ecx, 9
        xor eax, eax
        call read_stream
.read:
        pop es
.end:
        ret

; Reads record EAX to ES:0. Keeps all registers but EAX, EBX, ECX.
read_record:
        push bp
        push dx
        mov cl, [record_shift]
        mov ebx, eax
        shl eax, cl
        push eax
        shr eax, cl
        cmp eax, ebx
        pop eax
        jne damaged
        mov ecx, [record_sectors]
        mov bp, mft
        call read_stream
        cmp dword [es:0], "FILE"
        jne damaged
        mov cx, [record_sectors]
        call restore
        test byte [es:0x16], 1          ; in use
        jz damaged
        pop dx
        pop bp
        ret

; Puts back what the update sequence protects in the CX sectors at ES:0: the last word of each sector
; is the number of the last write, and the true words are in an array at [4], behind that number.
restore:
        pusha
        mov si, [es:4]
        mov dx, [es:6]
        dec dx
        cmp dx, cx
        jne damaged
        test si, 1
        jnz damaged
        cmp si, 510
        jae damaged
        add dx, dx
        add dx, si
        cmp dx, 510 - 2                 ; array and number end before the first such word
        ja damaged
        mov bx, [es:si]
        mov di, 510
.sector:
        inc si
        inc si
        cmp [es:di], bx
        jne damaged                     ; a write that was cut short
        mov ax, [es:si]
        mov [es:di], ax
        add di, 512
        loop .sector
        popa
        ret

; Finds an attribute in the record at ES:0 and checks its shape. EAX = type, DL = name; [instance] its
; number in the record if [by_instance] is set. SI = its offset, or CF = 1.
;
; Attribute: +0 type, +4 length, +8 non-resident, +9 units and +A offset of the name, +C flags, +E
; number; resident: +10 length and +14 offset of the value; non-resident: +10 first cluster within the
; stream, +20 offset of the runs, +30 size, +38 initialized size.
find_attribute:
        movzx esi, word [es:0x14]
.next:
        mov ecx, [record_bytes]
        sub ecx, esi
        jb damaged
        cmp ecx, 8
        jb damaged
        cmp dword [es:si], -1
        je .none
        mov ebx, [es:si+4]
        cmp ebx, 0x18
        jb damaged
        test bl, 7
        jnz damaged
        cmp ebx, ecx
        ja damaged
        cmp eax, [es:si]
        jne .other
        cmp byte [by_instance], 0
        je .name
        mov cx, [instance]
        cmp cx, [es:si+0x0E]
        jne .other
.name:
        mov cl, [es:si+9]
        cmp dl, UNNAMED
        jne .named
        test cl, cl
        jnz .other
        jmp .found
.named:
        cmp cl, 4
        jne .other
        movzx edi, word [es:si+0x0A]
        lea ecx, [edi+8]
        cmp ecx, ebx
        ja damaged
        add di, si
        cmp dword [es:di], I30_LOW
        jne .other
        cmp dword [es:di+4], I30_HIGH
        jne .other
.found:
        cmp byte [es:si+8], 0
        jne .clusters
        movzx ecx, word [es:si+0x14]
        sub ebx, ecx
        jb damaged
        cmp [es:si+0x10], ebx
        ja damaged
        clc
        ret
.clusters:
        cmp ebx, 0x40
        jb damaged
        cmp bx, [es:si+0x20]
        jb damaged
        clc
        ret
.other:
        add si, bx
        jmp .next
.none:
        stc
        ret

; The units of "$I30".
I30_LOW         equ "$" | "I" << 16
I30_HIGH        equ "3" | "0" << 16

; Gathers all pieces of an attribute of the open file: EAX = type, DL = name, BP = stream for its
; clusters. CF = 1 if the file has none.
gather:
        call clear_stream
        mov [type], eax
        mov [named], dl
        mov byte [pieces], 0
        cmp dword [list_bytes], 0
        jne .list
        mov bx, BASE
        mov es, bx
        mov byte [by_instance], 0
        call find_attribute
        jc .end
        call keep_piece
        clc
.end:
        ret

; Attribute list entry: +0 type, +4 length, +6 units and +7 offset of the name, +8 first cluster, +10
; record and sequence number, +18 number in the record. They are sorted, pieces of one attribute by
; their clusters. The list may be longer than a segment, so each entry has its own.
.list:
        mov dword [list_at], 0
.entry:
        mov edi, [list_at]
        mov ecx, [list_bytes]
        sub ecx, edi
        jz .enough
        cmp ecx, 0x1A
        jb damaged
        mov eax, edi
        shr eax, 4
        add ax, BOOTMGR
        mov gs, ax
        and di, 15
        movzx ebx, word [gs:di+4]
        cmp bx, 0x1A
        jb damaged
        cmp ebx, ecx
        ja damaged
        add [list_at], ebx
        mov eax, [gs:di]
        cmp eax, [type]
        jne .entry
        cmp byte [named], UNNAMED
        jne .named
        cmp byte [gs:di+6], 0
        jne .entry
        jmp .mine
.named:
        cmp byte [gs:di+6], 4
        jne .entry
        movzx si, byte [gs:di+7]
        lea cx, [si+8]
        cmp cx, bx
        ja damaged
        add si, di
        cmp dword [gs:si], I30_LOW
        jne .entry
        cmp dword [gs:si+4], I30_HIGH
        jne .entry
.mine:
        cmp word [gs:di+0x14], 0
        jne damaged
        mov ax, [gs:di+0x18]
        mov [instance], ax
        mov byte [by_instance], 1
        mov dx, [gs:di+0x16]
        mov eax, [gs:di+0x10]
        mov bx, BASE
        mov es, bx
        cmp eax, [file_number]
        je .record
        mov bx, EXTENSION
        mov es, bx
        call read_record
        cmp dx, [es:0x10]
        jne damaged
        mov eax, [es:0x20]
        cmp eax, [file_number]
        jne damaged
.record:
        mov eax, [type]
        mov dl, [named]
        call find_attribute
        jc damaged
        call keep_piece
        mov byte [pieces], 1
        jmp .entry
.enough:
        cmp byte [pieces], 1            ; CF = 1 if it is zero
        ret

; Keeps what there is to know of the attribute at ES:SI: where its value is, or its size and clusters.
; BP = stream.
keep_piece:
        cmp byte [es:si+8], 0
        jne .clusters
        mov ax, [es:si+0x0C]
        mov [flags], ax
        mov byte [resident], 1
        mov [value_segment], es
        mov ax, [es:si+0x14]
        add ax, si
        mov [value_offset], ax
        mov eax, [es:si+0x10]
        mov [size], eax
        mov dword [size+4], 0
        ret
.clusters:
        mov byte [resident], 0
        mov eax, [es:si+0x10]
        or eax, [es:si+0x14]
        jnz .known                      ; only the first piece has true sizes
        mov ax, [es:si+0x0C]
        mov [flags], ax
        mov eax, [es:si+0x30]
        mov [size], eax
        mov eax, [es:si+0x34]
        mov [size+4], eax
        mov eax, [es:si+0x38]
        mov [initialized], eax
        mov eax, [es:si+0x3C]
        mov [initialized+4], eax
.known:
        cmp dword [type], A_DATA
        jne add_runs
        test word [flags], 0x80FF       ; compressed or sparse: has holes, and will be refused
        jz add_runs
        ret

; ------------------------------------------------------------------------------------ streams

; Adds the runs of the non-resident attribute at ES:SI to stream BP. It must begin where the stream
; ends. A run is a byte with the counts of bytes that follow: low half for how many clusters, high
; half for how far its first is from the one of the run before.
add_runs:
        mov eax, [es:si+0x10]
        mov edx, [es:si+0x14]
        call to_sectors
        test edx, edx
        jnz damaged
        cmp eax, [bp+stream.sectors]
        jne damaged
        mov di, [es:si+0x20]
        add di, si
        mov cx, [es:si+4]
        add cx, si
        mov [runs_end], cx
        xor eax, eax
        mov [cluster], eax
        mov [cluster+4], eax
.run:
        cmp di, [runs_end]
        jae .end
        mov bl, [es:di]
        inc di
        test bl, bl
        jz .end
        mov bh, bl
        shr bh, 4
        jz damaged                      ; a hole
        and bl, 15
        jz damaged
        cmp bl, 8
        ja damaged
        cmp bh, 8
        ja damaged
        mov al, bl
        add al, bh
        xor ah, ah
        add ax, di
        cmp ax, [runs_end]
        ja damaged

        xor eax, eax                    ; not negative, whatever its highest bit
        cdq
        mov cl, bl
        call read_number
        call to_sectors
        test edx, edx
        jnz damaged
        test eax, eax
        jz damaged
        push eax

        movzx ecx, bh
        push di
        add di, cx
        movsx eax, byte [es:di-1]       ; negative if its highest bit is set
        pop di
        sar eax, 31
        cdq
        call read_number
        add eax, [cluster]
        adc edx, [cluster+4]
        js damaged
        mov [cluster], eax
        mov [cluster+4], edx
        call to_disk
        pop ecx
        call add_run
        jmp .run
.end:
        ret

; Shifts CL bytes at ES:DI into EDX:EAX, the last one first. DI = behind them. Changes CX.
read_number:
        push si
        movzx cx, cl
        add di, cx
        mov si, di
.byte:
        dec si
        shld edx, eax, 8
        shl eax, 8
        mov al, [es:si]
        loop .byte
        pop si
        ret

; EDX:EAX from clusters to sectors.
to_sectors:
        push cx
        mov cl, [cluster_shift]
        shld edx, eax, cl
        shl eax, cl
        pop cx
        ret

; EDX:EAX from the volume's cluster to the disk's sector.
to_disk:
        call to_sectors
        add eax, [base]
        adc edx, 0
        ret

clear_stream:
        mov bx, [bp+stream.first]
        mov [bp+stream.next], bx
        mov dword [bp+stream.sectors], 0
        ret

; Adds ECX sectors from the disk's sector EDX:EAX on to stream BP.
add_run:
        mov bx, [bp+stream.next]
        cmp bx, [bp+stream.limit]
        jae .full
        mov gs, bx
        mov [gs:0], eax
        mov [gs:4], edx
        mov [gs:8], ecx
        inc word [bp+stream.next]
        add [bp+stream.sectors], ecx
        jc damaged
        ret
.full:
        mov si, is_fragmented
        jmp fail

; Reads ECX sectors of stream BP from its sector EAX on to ES:0. Keeps all registers but FS.
read_stream:
        pushad
        push es
        mov si, [bp+stream.first]
.run:
        cmp si, [bp+stream.next]
        jae damaged
        mov fs, si
        mov ebx, [fs:8]
        sub ebx, eax                    ; sectors of the run from there on
        ja .here
        neg ebx
        mov eax, ebx
        inc si
        jmp .run
.here:
        cmp ebx, ecx
        jbe .part
        mov ebx, ecx
.part:
        xor edx, edx
        add eax, [fs:0]
        adc edx, [fs:4]
        mov [packet.sector], eax
        mov [packet.sector+4], edx
        xchg ebx, ecx
        call read_disk
        jc disk_error
        xchg ebx, ecx
        xor eax, eax
        inc si
        sub ecx, ebx
        jnz .run
        pop es
        popad
        ret

; -------------------------------------------------------------------------------------- texts

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

; ---------------------------------------------------------------------------------- variables

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
