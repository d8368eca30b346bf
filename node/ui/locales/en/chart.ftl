# What the chart and its forms say of every workflow's records.
deceased = Deceased
conflict = Conflict
disputed = Disputed
collides = Shared record number
inactive = No longer active
born = born { $date }
since = since { $date }
edit-disputed = Two sites disagree about this. Please decide that first.
complete-as-of = Complete as of
complete-as-of-text = This chart holds what each site had written up to then.
flash-resumed = Nothing is saved yet. Look over what you typed and save it.
flash-not-yours = What was typed here before belonged to somebody else and was not kept.
linked-replaced-by = This record was replaced: use that of { $name }
linked-replaces = This record replaces that of { $name }; look at both
linked-same = Another record may be of the same person: { $name }
linked-open = Open it
linked-more = More records are linked with this one than are looked at here: their allergies are not told.
