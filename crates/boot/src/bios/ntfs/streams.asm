; Streams: the clusters of an attribute, from run lists to a table, and sectors by that table.
; Part of ../ntfs.asm.

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
