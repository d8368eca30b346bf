# What the chart and its forms say of every workflow's records.
deceased = متوفى
conflict = تعارض
collides = رقم سجل مشترك
disputed = محل خلاف
inactive = لم يعد ساريًا
born = تاريخ الميلاد { $date }
since = منذ { $date }
edit-disputed = يختلف موقعان في هذا. يرجى حسم ذلك أولًا.
complete-as-of = مكتمل حتى
complete-as-of-text = يضم هذا الملف ما كتبه كل مركز حتى ذلك الوقت.
flash-resumed = لم يُحفظ شيء بعد. راجع ما كتبته ثم احفظه.
flash-not-yours = ما كُتب هنا من قبل يخص شخصًا آخر ولم يُحتفظ به.
linked-replaced-by = استُبدل هذا السجل: استعمل سجل { $name }
linked-replaces = يحل هذا السجل محل سجل { $name }؛ انظر في كليهما
linked-same = قد يكون سجل آخر لهذا الشخص: { $name }
linked-open = افتحه
linked-more = السجلات المرتبطة بهذا السجل أكثر مما يُنظر فيه هنا: حساسياتها غير مذكورة.
