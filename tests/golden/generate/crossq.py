"""crossq.h5: CrossQ (Bhatt et al. 2024) as sac does it: five updates on five minibatches, noise given, of which the first
two are in the warm-up of batch renormalisation. usage: crossq.py OUT BATCHRENORM

BATCHRENORM is TorchRL's torchrl/modules/models/batchrenorm.py, whose layer does what is checked here, but for two things:
its running variance has N - 1 in the denominator, where CrossQ's programs have N, and after twice the warm-up it counts
r and d more than once (it throws the result of clamp_max() away). Both are put right from outside."""
import importlib.util
from golden_common import *

spec = importlib.util.spec_from_file_location("batchrenorm", sys.argv[2])
batchrenorm = importlib.util.module_from_spec(spec); spec.loader.exec_module(batchrenorm)
OUT, SEED, B, OBS, ACT, HID = sys.argv[1], 5000, 44, 3, 2, 24
GAMMA, LR, STEPS, SQUASH_EPS, MOMENTUM, WARMUP, EPS = 0.99, 3e-4, 5, 1e-6, 0.9, 2, 1e-3
LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0

class Renorm(batchrenorm.BatchRenorm1d):
    def __init__(s, n): super().__init__(n, momentum=1 - MOMENTUM, eps=EPS, max_r=3.0, max_d=5.0, warmup_steps=WARMUP)
    def forward(s, x):
        before = s.running_var.clone(); y = super().forward(x)
        if s.training:
            s.running_var.copy_(MOMENTUM * before + (1 - MOMENTUM) * x.detach().var(0, unbiased=False))
            s.num_batches_tracked.clamp_(max=WARMUP)
        return y
class Net(nn.Module):
    """layers numbered as a checkpoint has them: renorm, dense, renorm, dense, renorm, head; ReLU before a renorm"""
    def __init__(s, i, o):
        super().__init__(); s.part = nn.ModuleList([Renorm(i), nn.Linear(i, HID), Renorm(HID), nn.Linear(HID, HID), Renorm(HID), nn.Linear(HID, o)])
    def forward(s, x):
        for k, part in enumerate(s.part): x = part(F.relu(x) if k in (2, 4) else x)
        return x
NAMES = dict(running_mean="mean", running_var="variance")
def tensors(net, name, what):
    """name/number/part -> what(tensor), of parameters and running statistics"""
    d = {}
    for k, part in enumerate(net.part):
        own = {("gain" if isinstance(part, Renorm) and n == "weight" else n): p for n, p in part.named_parameters()}
        own.update({NAMES[n]: b for n, b in part.named_buffers() if n in NAMES})
        d.update({f"{name}/{k}/{n}": what(t) for n, t in own.items()})
    return d
def squash(out, noise):
    mu, raw = out.chunk(2, -1); ls = raw.clamp(LOG_STD_MIN, LOG_STD_MAX); u = mu + ls.exp() * noise; a = torch.tanh(u)
    n = (-0.5 * noise ** 2 - ls - 0.5 * math.log(2 * math.pi)).sum(-1)
    return a, n - torch.log(1 - a ** 2 + SQUASH_EPS).sum(-1), u
class All(nn.Module):
    def __init__(s):
        super().__init__(); s.policy = Net(OBS, 2 * ACT); s.q1 = Net(OBS + ACT, 1); s.q2 = Net(OBS + ACT, 1); s.log_ent_coef = nn.Parameter(torch.tensor([math.log(0.2)]))
def every(m, what): return {**tensors(m.policy, "policy", what), **tensors(m.q1, "q1", what), **tensors(m.q2, "q2", what), "log_ent_coef": what(m.log_ent_coef)}
copy = lambda t: t.detach().clone()
grad = lambda t: torch.zeros_like(t) if t.grad is None else t.grad.clone()

g = Gen(SEED); m0 = All()
for net in (m0.policy, m0.q1, m0.q2):
    for part in net.part:
        if isinstance(part, nn.Linear): part.weight.data = g.randn(*part.weight.shape) / math.sqrt(part.in_features); part.bias.data = 0.1 * g.randn(part.out_features); continue
        n = part.num_features; part.weight.data = 1 + 0.2 * g.randn(n); part.bias.data = 0.1 * g.randn(n); part.running_mean.copy_(0.3 * g.randn(n)); part.running_var.copy_(0.5 + g.rand(n))
with torch.no_grad(): m0.policy.part[5].weight.mul_(0.2); m0.policy.part[5].bias[ACT:] -= 1.0
# one element of observations hardly varies, far from zero: r and d of its column are beyond their limits
place, width = torch.tensor([0.5, -0.3, 8.0]), torch.tensor([1.5, 1.0, 0.2])
term, trunc = g.bern(0.15, STEPS, B), g.bern(0.15, STEPS, B); term[:, 0] = trunc[:, 0] = True
I0 = dict(obs=place + width * g.randn(STEPS, B, OBS), act=torch.tanh(g.randn(STEPS, B, ACT)), rew=2 * g.randn(STEPS, B), next_obs=place + 0.2 + width * g.randn(STEPS, B, OBS), terminated=term, truncated=trunc, noise_pi=g.randn(STEPS, B, ACT), noise_next=g.randn(STEPS, B, ACT))
o = Out(f"{OUT}/crossq.h5", gamma=GAMMA, lr=LR, beta1=0.9, beta2=0.999, adam_eps=1e-8, target_entropy=float(-ACT), batch_norm_momentum=MOMENTUM, renorm_warmup_steps=WARMUP, epsilon=EPS, squash_eps=SQUASH_EPS, kind="crossq")
o.put("w0", every(m0, copy)); o.put("in", I0); sd = {k: v.clone() for k, v in m0.state_dict().items()}; last = {}
for tag, dt in DT:
    m = All(); m.load_state_dict(sd); m.to(dt); I = cast(I0, dt); critics = [m.q1, m.q2]; limits = []
    oe, oc, oa = (torch.optim.Adam(p, lr=LR) for p in ([m.log_ent_coef], list(m.q1.parameters()) + list(m.q2.parameters()), m.policy.parameters()))
    for k in range(STEPS):
        J = {a: b[k] for a, b in I.items()}; alpha = copy(m.log_ent_coef).exp()
        m.policy.eval(); m.q1.train(); m.q2.train()
        with torch.no_grad(): na, nlp, u = squash(m.policy(J["next_obs"]), J["noise_next"])
        limits.append(u.abs().max().item())
        both = torch.cat([torch.cat([J["obs"], J["act"]], 1), torch.cat([J["next_obs"], na], 1)])
        q, nq = torch.stack([c(both).squeeze(-1) for c in critics], 1).split(B)
        target = J["rew"] + (1 - J["terminated"].to(dt)) * GAMMA * (nq.detach().min(1).values - alpha * nlp)
        closs = 0.5 * sum(F.mse_loss(q[:, i], target) for i in range(2)); oc.zero_grad(); closs.backward()
        if k == 0: o.put(f"{tag}/grad_critic", {**tensors(m.q1, "q1", grad), **tensors(m.q2, "q2", grad)}); o.put(tag, dict(q=q, next_q=nq, target=target, next_action=na, next_log_prob=nlp))
        oc.step(); m.policy.train(); m.q1.eval(); m.q2.eval()
        a, lp, u = squash(m.policy(J["obs"]), J["noise_pi"]); limits.append(u.abs().max().item())
        qpi = torch.stack([c(torch.cat([J["obs"], a], 1)).squeeze(-1) for c in critics], 1)
        aloss = (alpha * lp - qpi.min(1).values).mean(); oa.zero_grad(); aloss.backward()
        if k == 0: o.put(f"{tag}/grad_actor", tensors(m.policy, "policy", grad)); o.put(tag, dict(action_pi=a, log_prob=lp, q_pi=qpi))
        oa.step(); eloss = -(m.log_ent_coef * (lp - ACT).detach()).mean(); oe.zero_grad(); eloss.backward(); oe.step()
        for n_, v in (("ent_coef_loss", eloss), ("critic_loss", closs), ("actor_loss", aloss), ("ent_coef", alpha)): o[f"{tag}/{n_}_at_step{k+1}"] = v
        if k + 1 == STEPS or (k, tag) == (0, "f64"): o.put(f"{tag}/w{k+1}", every(m, copy))
    last[tag] = every(m, lambda t: copy(t).double()); print(f"  {tag}: largest |u| {max(limits):.2f} (beyond 4 float32 loses digits)")
print("  |f32-f64| of w5:", max((last["f32"][k] - last["f64"][k]).abs().max().item() for k in last["f32"])); o.close()
