; The root directory: a B+ tree of names, whose top is in the directory's record and whose other nodes
; are blocks of its $INDEX_ALLOCATION. Part of ../ntfs.asm.

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
